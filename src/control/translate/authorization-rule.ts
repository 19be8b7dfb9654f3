// Rules of AuthorizationPolicies as the permissions and principals of Envoy's RBAC, as Istio makes them.
import type { AuthorizationRule } from '#api/kinds/authorization-policy';
import { type Permission, type Policy, Policy as PolicyMessage, type Principal } from '#codec/protobuf/generated/envoy/config/rbac/v3/rbac';
import type { StringMatcher } from '#codec/protobuf/generated/envoy/type/matcher/v3/string';
import { regexMatcher } from './route-match.ts';

type Rule = NonNullable<Permission['rule']>;
type Identifier = NonNullable<Principal['identifier']>;
type Source = NonNullable<NonNullable<AuthorizationRule['from']>[number]['source']>;
type Operation = NonNullable<NonNullable<AuthorizationRule['to']>[number]['operation']>;

/** What of a rule speaks of HTTP alone: a connection cannot be asked. */
class HttpOnly extends Error {}

/**
 * Undefined where a rule cannot hold for bare connections: of one that allows; one that denies does so without what cannot be asked.
 * `namespace`: of the policy.
 */
export function rulePolicy(rule: AuthorizationRule, namespace: string, tcp: 'no' | 'allows' | 'denies'): Policy | undefined {
  const asked = <T>(parts: readonly (() => T)[]): T[] =>
    parts.flatMap((part) => {
      try {
        return [part()];
      } catch (thrown) {
        if (!(thrown instanceof HttpOnly) || tcp !== 'denies') throw thrown;
        return [];
      }
    });
  const http = <T>(make: () => T) => {
    return (): T => {
      if (tcp !== 'no') throw new HttpOnly();
      return make();
    };
  };
  try {
    const when = (rule.when ?? []).map((condition) => conditionParts(condition, namespace, http));
    const operations = rule.to?.map(({ operation }) => operation ?? {}) ?? [{}];
    const sources = rule.from?.map(({ source }) => source ?? {}) ?? [{}];
    const conditionRules = when.flatMap(({ permissions }) => permissions);
    const conditionIds = when.flatMap(({ principals }) => principals);
    return PolicyMessage.fromPartial({
      permissions: operations.map((operation) => allRules(asked([...operationParts(operation, http), ...conditionRules]))),
      principals: sources.map((source) => allIds(asked([...sourceParts(source, namespace, http), ...conditionIds]))),
    });
  } catch (thrown) {
    if (thrown instanceof HttpOnly) return undefined;
    throw thrown;
  }
}

export const nothing: Policy = PolicyMessage.fromPartial({
  permissions: [{ rule: { $case: 'notRule', value: { rule: { $case: 'any', value: true } } } }],
  principals: [{ identifier: { $case: 'notId', value: { identifier: { $case: 'any', value: true } } } }],
});

type Guard = <T>(make: () => T) => () => T;

function operationParts(operation: Operation, http: Guard): (() => Rule)[] {
  return [
    ...rules(operation.hosts, operation.notHosts, (host) => headerRule(':authority', stringOf(host, true)), http),
    ...rules(operation.methods, operation.notMethods, (method) => headerRule(':method', stringOf(method)), http),
    ...rules(
      operation.paths,
      operation.notPaths,
      (path) => ({ $case: 'urlPath', value: { rule: { $case: 'path', value: pathOf(path) } } }),
      http,
    ),
    ...rules(operation.ports, operation.notPorts, (port) => ({ $case: 'destinationPort', value: Number(port) })),
  ];
}

function sourceParts(source: Source, namespace: string, http: Guard): (() => Identifier)[] {
  return [
    ...ids(source.principals, source.notPrincipals, (name) => authenticated(spiffe(name))),
    ...ids(source.requestPrincipals, source.notRequestPrincipals, requestPrincipal, http),
    ...ids(source.namespaces, source.notNamespaces, namespaceId),
    ...ids(source.serviceAccounts, source.notServiceAccounts, (name) => serviceAccountId(name, namespace)),
    ...ids(source.trustDomains, source.notTrustDomains, trustDomainId),
    ...ids(source.ipBlocks, source.notIpBlocks, (block) => ({ $case: 'directRemoteIp', value: cidr(block) })),
    ...ids(source.remoteIpBlocks, source.notRemoteIpBlocks, (block) => ({ $case: 'remoteIp', value: cidr(block) })),
  ];
}

type Condition = NonNullable<AuthorizationRule['when']>[number];

function conditionParts({ key, values, notValues }: Condition, namespace: string, http: Guard) {
  const principals = (make: (value: string) => Identifier, guard?: Guard) => ({
    principals: ids(values, notValues, make, guard),
    permissions: [],
  });
  const permissions = (make: (value: string) => Rule, guard?: Guard) => ({
    permissions: rules(values, notValues, make, guard),
    principals: [],
  });
  const inBrackets = /\[([^\]]+)\]/g;
  const [base = ''] = key.split('[', 1);
  const names = [...key.matchAll(inBrackets)].map((match) => match[1]!);
  switch (base) {
    case 'request.headers':
      return principals((value) => ({ $case: 'header', value: headerMatch((names[0] ?? '').toLowerCase(), stringOf(value)) }), http);
    case 'source.ip':
      return principals((value) => ({ $case: 'directRemoteIp', value: cidr(value) }));
    case 'remote.ip':
      return principals((value) => ({ $case: 'remoteIp', value: cidr(value) }));
    case 'source.namespace':
      return principals(namespaceId);
    case 'source.principal':
      return principals((value) => authenticated(spiffe(value)));
    case 'source.serviceAccount':
      return principals((value) => serviceAccountId(value, namespace));
    case 'source.trustDomain':
      return principals(trustDomainId);
    case 'request.auth.principal':
      return principals(requestPrincipal, http);
    case 'request.auth.audiences':
      return principals((value) => claim(['aud'], value), http);
    case 'request.auth.presenter':
      return principals((value) => claim(['azp'], value), http);
    case 'request.auth.claims':
      return principals((value) => claim(names, value), http);
    case 'destination.ip':
      return permissions((value) => ({ $case: 'destinationIp', value: cidr(value) }));
    case 'destination.port':
      return permissions((value) => ({ $case: 'destinationPort', value: Number(value) }));
    case 'connection.sni':
      return permissions((value) => ({ $case: 'requestedServerName', value: stringOf(value) }));
    default:
      // A condition that is not known can only be refused by Istio's checks; what it would hold for nobody knows.
      return { permissions: [() => ({ $case: 'notRule', value: { rule: { $case: 'any', value: true } } }) as Rule], principals: [] };
  }
}

// --- Any of some values, and none of others.

const plainly: Guard = (make) => make;

function rules(
  values: readonly string[] | undefined,
  notValues: readonly string[] | undefined,
  make: (value: string) => Rule,
  guard = plainly,
) {
  const any = (list: readonly string[]): Rule => ({ $case: 'orRules', value: { rules: list.map((value) => ({ rule: make(value) })) } });
  return [
    ...(values?.length ? [guard(() => any(values))] : []),
    ...(notValues?.length ? [guard((): Rule => ({ $case: 'notRule', value: { rule: any(notValues) } }))] : []),
  ];
}

function ids(
  values: readonly string[] | undefined,
  notValues: readonly string[] | undefined,
  make: (value: string) => Identifier,
  guard = plainly,
) {
  const any = (list: readonly string[]): Identifier => ({
    $case: 'orIds',
    value: { ids: list.map((value) => ({ identifier: make(value) })) },
  });
  return [
    ...(values?.length ? [guard(() => any(values))] : []),
    ...(notValues?.length ? [guard((): Identifier => ({ $case: 'notId', value: { identifier: any(notValues) } }))] : []),
  ];
}

function allRules(parts: readonly Rule[]): Permission {
  return {
    rule: parts.length === 0 ? { $case: 'any', value: true } : { $case: 'andRules', value: { rules: parts.map((rule) => ({ rule })) } },
  };
}

function allIds(parts: readonly Identifier[]): Principal {
  const identifier: Identifier =
    parts.length === 0 ? { $case: 'any', value: true } : { $case: 'andIds', value: { ids: parts.map((each) => ({ identifier: each })) } };
  return { identifier };
}

// --- Values.

/** Istio's: exact, `prefix*`, `*suffix`, or `*`, which asks that there is something. */
function stringOf(value: string, ignoreCase = false): StringMatcher {
  if (value === '*') return { matchPattern: { $case: 'safeRegex', value: regexMatcher('.+') }, ignoreCase: false };
  if (value.startsWith('*')) return { matchPattern: { $case: 'suffix', value: value.slice(1) }, ignoreCase };
  if (value.endsWith('*')) return { matchPattern: { $case: 'prefix', value: value.slice(0, -1) }, ignoreCase };
  return { matchPattern: { $case: 'exact', value }, ignoreCase };
}

function regexString(regex: string): StringMatcher {
  return { matchPattern: { $case: 'safeRegex', value: regexMatcher(regex) }, ignoreCase: false };
}

/** Also `{*}`, one segment, and `{**}`, any number of them. */
function pathOf(path: string): StringMatcher {
  if (!/\{\*\*?\}/.test(path)) return stringOf(path);
  const parts = path.split(/(\{\*\*?\})/).map((part) => (part === '{*}' ? '[^/]+' : part === '{**}' ? '.*' : quoted(part)));
  return regexString(parts.join(''));
}

function quoted(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
}

const headerMatch = (name: string, value: StringMatcher) => ({
  name,
  headerMatchSpecifier: { $case: 'stringMatch' as const, value },
  invertMatch: false,
  treatMissingHeaderAsEmpty: false,
});

function headerRule(name: string, value: StringMatcher): Rule {
  return { $case: 'header', value: headerMatch(name, value) };
}

function authenticated(principalName: StringMatcher): Identifier {
  return { $case: 'authenticated', value: { principalName } };
}

function spiffe(name: string): StringMatcher {
  return stringOf(name.startsWith('*') ? name : `spiffe://${name}`);
}

const wildcards = (text: string) => text.split('*').map(quoted).join('.*');

function namespaceId(namespace: string): Identifier {
  return authenticated(regexString(`.*/ns/${wildcards(namespace)}/.*`));
}

function serviceAccountId(name: string, namespace: string): Identifier {
  const [owner, account] = name.includes('/') ? name.split('/', 2) : [namespace, name];
  return authenticated(regexString(`spiffe://.+/ns/${quoted(owner ?? '')}/(?:.+/|)sa/${quoted(account ?? '')}`));
}

function trustDomainId(domain: string): Identifier {
  return authenticated(regexString(`spiffe://${wildcards(domain)}/.*`));
}

function cidr(block: string): { addressPrefix: string; prefixLen: number } {
  const [addressPrefix = '', bits] = block.split('/', 2);
  return { addressPrefix, prefixLen: bits === undefined ? (addressPrefix.includes(':') ? 128 : 32) : Number(bits) };
}

// --- What jwt_authn has found.

/** `issuer/subject`; the last slash divides them. */
function requestPrincipal(name: string): Identifier {
  if (name === '*') return both(claim(['iss'], '*'), claim(['sub'], '*'));
  const slash = name.lastIndexOf('/');
  const [issuer, subject] = slash < 0 ? [name, name] : [name.slice(0, slash), name.slice(slash + 1)];
  if (slash < 0)
    return name.startsWith('*') ? both(claim(['iss'], '*'), claim(['sub'], name)) : both(claim(['iss'], name), claim(['sub'], '*'));
  return both(claim(['iss'], issuer), claim(['sub'], subject));
}

function both(...parts: readonly Identifier[]): Identifier {
  return { $case: 'andIds', value: { ids: parts.map((identifier) => ({ identifier })) } };
}

/** A claim that is the value, or a list with it. */
function claim(path: readonly string[], value: string): Identifier {
  const matchPattern = { $case: 'stringMatch' as const, value: stringOf(value) };
  const inList = { $case: 'listMatch' as const, value: { matchPattern: { $case: 'oneOf' as const, value: { matchPattern } } } };
  return {
    $case: 'metadata',
    value: {
      filter: 'envoy.filters.http.jwt_authn',
      path: ['payload', ...path].map((key) => ({ segment: { $case: 'key' as const, value: key } })),
      value: { matchPattern: { $case: 'orMatch', value: { valueMatchers: [{ matchPattern }, { matchPattern: inList }] } } },
      invert: false,
    },
  };
}
