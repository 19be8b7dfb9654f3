// The syntax of names: of objects and labels (Kubernetes, RFC 1123 and 1035), of hosts and header fields (Istio, RFC 9110).
import { isIP } from 'node:net';

const label1123 = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/;
const label1035 = /^[a-z]([-a-z0-9]*[a-z0-9])?$/;
const anyCaseLabel = /^[A-Za-z0-9]([-A-Za-z0-9]*[A-Za-z0-9])?$/;
const labelName = /^[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?$/;
const headerToken = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;

/** What Kubernetes says of names that are none: `k8s.io/apimachinery/pkg/util/validation`. */
export const nameRules = {
  dns1123Label:
    "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')",
  dns1123Subdomain:
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')",
  dns1035Label:
    "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic character, and end with an alphanumeric character (e.g. 'my-name',  or 'abc-123', regex used for validation is '[a-z]([-a-z0-9]*[a-z0-9])?')",
  qualifiedName:
    "name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')",
  labelValue:
    "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')",
} as const;

/** `Invalid value: "A_b": …`, where the text is too long that it is. */
export function badName(text: string, rule: keyof typeof nameRules): string {
  const lengthMax = rule === 'dns1123Subdomain' ? 253 : 63;
  const part = rule === 'qualifiedName' ? text.slice(text.indexOf('/') + 1) : text;
  const what = rule === 'qualifiedName' ? 'name part ' : '';
  const why = part.length > lengthMax ? `${what}must be no more than ${lengthMax} characters` : nameRules[rule];
  return `Invalid value: ${JSON.stringify(text)}: ${why}`;
}

export const isDnsLabel = (text: string): boolean => text.length <= 63 && label1123.test(text);
export const isDns1035Label = (text: string): boolean => text.length <= 63 && label1035.test(text);
export const isDnsSubdomain = (text: string): boolean => text.length <= 253 && text.split('.').every((label) => label1123.test(label));

/** A key of labels: `app`, `app.kubernetes.io/name`. */
export function isLabelKey(text: string): boolean {
  const slash = text.indexOf('/');
  if (slash >= 0 && !isDnsSubdomain(text.slice(0, slash))) return false;
  const name = text.slice(slash + 1);
  return name.length <= 63 && labelName.test(name);
}

export const isLabelValue = (text: string): boolean => text === '' || (text.length <= 63 && labelName.test(text));

/** A name as Istio writes those of subsets, ports and namespaces: as a label of DNS, in letters of either case. */
export const isName = (text: string): boolean => text.length <= 63 && anyCaseLabel.test(text);

/** A full or short host name without wildcard; a trailing dot is let pass. Its last label is no number: that is an address. */
export function isHostname(text: string): boolean {
  const host = text.endsWith('.') ? text.slice(0, -1) : text;
  const labels = host.split('.');
  return host !== '' && text.length <= 255 && labels.every(isName) && !/^\d+$/.test(labels.at(-1) ?? '');
}

/** A host name, or one whose leftmost label is `*` or begins with it (`*`, `*.example.com`, `*-a.example.com`). */
export function isWildcardHost(text: string): boolean {
  const dot = text.indexOf('.');
  const first = dot < 0 ? text : text.slice(0, dot);
  const firstFits = first === '*' || isName(first.replace(/^\*-?/, ''));
  return firstFits && text.length <= 255 && (dot < 0 || dot === text.length - 1 || isHostname(text.slice(dot + 1)));
}

/** Of those, one whose `*` is only a part of its label. */
export const isPartialWildcard = (text: string): boolean => text.includes('*') && text !== '*' && !text.startsWith('*.');

/** An IP address of either version. */
export const isAddress = (text: string): boolean => isIP(text) !== 0;

/** An address, or a range of them in CIDR notation. */
export function isAddressRange(text: string): boolean {
  const slash = text.indexOf('/');
  if (slash < 0) return isIP(text) !== 0;
  const version = isIP(text.slice(0, slash));
  const bits = text.slice(slash + 1);
  return version !== 0 && /^\d{1,3}$/.test(bits) && Number(bits) <= (version === 4 ? 32 : 128);
}

/** A header's name (RFC 9110), or a pseudo-header such as `:authority`. */
export const isHeaderName = (text: string): boolean => headerToken.test(text.startsWith(':') ? text.slice(1) : text);
