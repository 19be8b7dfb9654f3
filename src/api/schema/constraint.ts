// Rules on one value that plain JSON schema cannot say: named in a schema as `constraints: ['no-wildcard']`, checked here,
// and given to Kubernetes as CEL in the CustomResourceDefinitions. One table, so that both say the same.

export interface Constraint {
  holds(value: never): boolean;
  /** The same in Kubernetes' expression language; `self` is the value. */
  rule: string;
  message: string;
  hint?: string;
}

type Text = string;
type Fields = Readonly<Record<string, unknown>>;

const url = (text: Text) => (URL.canParse(text) ? new URL(text) : undefined);
const moduleSchemes = ['', 'http:', 'https:', 'file:', 'oci:'];

export const constraints = {
  'no-wildcard': {
    holds: (text: Text) => !text.includes('*'),
    rule: "!self.contains('*')",
    message: 'a wildcard is not allowed here',
    hint: 'write the value of the label',
  },
  'keys-without-wildcard': {
    holds: (labels: Fields) => Object.keys(labels).every((key) => !key.includes('*')),
    rule: "self.all(key, !key.contains('*'))",
    message: 'a wildcard is not allowed in the key of a label',
  },
  'keys-not-empty': {
    holds: (labels: Fields) => !Object.hasOwn(labels, ''),
    rule: 'self.all(key, key.size() != 0)',
    message: 'the key of a label must not be empty',
  },
  'own-namespace': {
    holds: (text: Text) => text === '',
    rule: 'self.size() == 0',
    message: 'a resource of another namespace cannot be referred to',
    hint: 'leave the field out, and put this resource into the namespace of what it refers to',
  },
  'no-catch-all': {
    holds: (text: Text) => text !== '*',
    rule: "self != '*'",
    message: '"*" is no host that an entry may claim',
    hint: 'name it, or write *.example.com',
  },
  'http-url': {
    holds: (text: Text) => /^https?:$/.test(url(text)?.protocol ?? ''),
    rule: "url(self).getScheme() in ['http', 'https']",
    message: 'must be a URL that begins with http:// or https://',
  },
  'module-url': {
    holds: (text: Text) => (url(text) ? moduleSchemes.includes(url(text)!.protocol) || isHostPort(text) : URL.canParse(`http://${text}`)),
    rule: "isURL(self) ? url(self).getScheme() in ['', 'http', 'https', 'file', 'oci'] : isURL('http://' + self)",
    message: 'must be a URL of scheme oci, http, https or file',
  },
  'socket-absolute': {
    holds: (text: Text) => !text.startsWith('unix://') || /^unix:\/\/[/@]/.test(text),
    rule: "!self.startsWith('unix://') || self.substring(7, 8) in ['/', '@']",
    message: 'a unix socket needs an absolute path, or an abstract name that begins with @',
  },
  'socket-no-directory': {
    holds: (text: Text) => !text.startsWith('unix://') || !text.endsWith('/'),
    rule: "!self.startsWith('unix://') || !self.endsWith('/')",
    message: 'a unix socket cannot be a directory',
  },
  'socket-without-ports': {
    holds: ({ address, ports }: Fields) => !(typeof address === 'string' && address.startsWith('unix://') && ports !== undefined),
    rule: "!(has(self.address) && self.address.startsWith('unix://')) || !has(self.ports)",
    message: 'a unix socket has no ports',
  },
  'address-or-network': {
    holds: ({ address, network }: Fields) => address !== undefined || network !== undefined,
    rule: 'has(self.address) || has(self.network)',
    message: 'one of address, network is required',
  },
  'port-names': {
    holds: (ports: Fields) => Object.keys(ports).every((key) => key.length < 63 && /^[a-zA-Z0-9](?:[-a-zA-Z0-9]*[a-zA-Z0-9])?$/.test(key)),
    rule: "self.all(key, size(key) < 63 && key.matches('^[a-zA-Z0-9](?:[-a-zA-Z0-9]*[a-zA-Z0-9])?$'))",
    message: 'each key must be the name of a port: letters, digits and "-"',
  },
  'port-keys': {
    holds: (ports: Fields) => Object.keys(ports).every((key) => /^\d{1,5}$/.test(key) && Number(key) >= 1 && Number(key) <= 65_535),
    rule: 'self.all(key, 0 < int(key) && int(key) <= 65535)',
    message: 'each key must be a port between 1 and 65535',
  },
  'ports-need-labels': {
    holds: ({ portLevelMtls, selector }: Fields) =>
      portLevelMtls === undefined || Object.keys((selector as { matchLabels?: object } | undefined)?.matchLabels ?? {}).length > 0,
    rule: '!has(self.portLevelMtls) || (has(self.selector) && has(self.selector.matchLabels) && self.selector.matchLabels.size() > 0)',
    message: 'portLevelMtls requires a selector with labels',
    hint: 'only the policy of a workload can tell its ports apart',
  },
  'credential-names-alone': {
    holds: ({ credentialName, credentialNames, tlsCertificates }: Fields) =>
      credentialNames === undefined || (credentialName === undefined && tlsCertificates === undefined),
    rule: '!has(self.credentialNames) || (!has(self.credentialName) && !has(self.tlsCertificates))',
    message: 'credentialNames exclude credentialName and tlsCertificates',
    hint: 'keep one of them',
  },
  'ranges-need-addresses': {
    holds: ({ addresses, resolution }: Fields) =>
      ['NONE', 'STATIC', undefined].includes(resolution as string | undefined) ||
      !((addresses ?? []) as Text[]).some((each) => String(each).includes('/')),
    rule:
      "!(has(self.addresses) && self.addresses.exists(address, address.contains('/'))) || !has(self.resolution) || " +
      "self.resolution in ['STATIC', 'NONE']",
    message: 'CIDR ranges in addresses exclude resolution by DNS',
  },
  'no-endpoints-unresolved': {
    holds: ({ resolution = 'NONE', endpoints }: Fields) => resolution !== 'NONE' || endpoints === undefined,
    rule: "(has(self.resolution) && self.resolution != 'NONE') || !has(self.endpoints)",
    message: 'resolution NONE takes no endpoints',
    hint: 'set resolution STATIC for addresses, DNS for names',
  },
  'one-endpoint-round-robin': {
    holds: ({ resolution, endpoints }: Fields) => resolution !== 'DNS_ROUND_ROBIN' || ((endpoints ?? []) as unknown[]).length <= 1,
    rule: "!(has(self.resolution) && self.resolution == 'DNS_ROUND_ROBIN') || !has(self.endpoints) || self.endpoints.size() <= 1",
    message: 'resolution DNS_ROUND_ROBIN takes one endpoint at most',
  },
  'inline-value-only': {
    holds: ({ valueFrom, value }: Fields) => valueFrom !== 'HOST' || value === undefined,
    rule: "!(has(self.valueFrom) && self.valueFrom == 'HOST') || !has(self.value)",
    message: 'value is for valueFrom INLINE only',
  },
  'upsert-has-value': {
    holds: ({ operation, value }: Fields) => operation !== 'UPSERT' || (value !== undefined && value !== ''),
    rule: "!(has(self.operation) && self.operation == 'UPSERT') || (has(self.value) && self.value != '')",
    message: 'operation UPSERT requires a value',
  },
  'remove-has-no-value': {
    holds: ({ operation, value }: Fields) => operation !== 'REMOVE' || value === undefined,
    rule: "!(has(self.operation) && self.operation == 'REMOVE') || !has(self.value)",
    message: 'operation REMOVE takes no value',
  },
  'accounts-alone': {
    holds: (source: Fields) =>
      (source['serviceAccounts'] === undefined && source['notServiceAccounts'] === undefined) ||
      ['principals', 'notPrincipals', 'namespaces', 'notNamespaces'].every((name) => source[name] === undefined),
    rule:
      '!(has(self.serviceAccounts) || has(self.notServiceAccounts)) || ' +
      '(!has(self.principals) && !has(self.notPrincipals) && !has(self.namespaces) && !has(self.notNamespaces))',
    message: 'serviceAccounts exclude principals and namespaces',
    hint: 'write the namespace into the account: namespace/account',
  },
  'waypoint-context': {
    holds: ({ context, waypoint }: Fields) => (context === 'WAYPOINT') === (waypoint !== undefined),
    rule: "(has(self.context) && self.context == 'WAYPOINT') == has(self.waypoint)",
    message: 'waypoint and context WAYPOINT require each other',
  },
} satisfies Record<string, Constraint>;

export type ConstraintName = keyof typeof constraints;

/** `registry:5000/image`, whose host looks like a scheme. */
function isHostPort(text: Text): boolean {
  return /^[\w.-]+:\d+(\/|$)/.test(text);
}
