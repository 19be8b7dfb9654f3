// What is refused, and how it is said: YAML in, `code field: message | hint` out.
import { describe, expect, test } from 'vitest';
import { decodeObject } from '#api/decode';
import { readManifest } from '#api/manifest';

const virtualService = (spec: string, name = 'reviews') =>
  `apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {name: ${name}}\nspec:\n  hosts: [reviews]\n  http:\n  - ${spec}\n`;
const rule = (fields: string) => virtualService(`{route: [{destination: {host: reviews}}], ${fields}}`);
const destinationRule = (spec: string) =>
  `apiVersion: networking.istio.io/v1\nkind: DestinationRule\nmetadata: {name: r}\nspec: {host: reviews, ${spec}}\n`;
const gateway = (server: string) =>
  `apiVersion: networking.istio.io/v1\nkind: Gateway\nmetadata: {name: g}\nspec: {servers: [${server}]}\n`;
const service = (spec: string, name = 's') => `apiVersion: v1\nkind: Service\nmetadata: {name: ${name}}\nspec: {${spec}}\n`;
const serviceEntry = (spec: string) => `apiVersion: networking.istio.io/v1\nkind: ServiceEntry\nmetadata: {name: e}\nspec: {${spec}}\n`;

const refused: readonly (readonly [name: string, yaml: string, expected: string])[] = [
  ['no object', '[1]', 'NOT_AN_OBJECT'],
  ['no kind', 'apiVersion: v1', 'MISSING_FIELD kind: this field is required'],
  ['mistyped kind', 'apiVersion: v1\nkind: Servce', 'UNKNOWN_KIND kind: unknown kind "Servce" in v1 | did you mean "Service"?'],
  [
    'wrong group',
    'apiVersion: v1\nkind: Deployment',
    'UNKNOWN_KIND apiVersion: no kind Deployment in v1 | did you mean apiVersion: apps/v1?',
  ],
  [
    'wrong version',
    'apiVersion: networking.istio.io/v2\nkind: Gateway',
    'UNKNOWN_VERSION apiVersion: Gateway is not served as networking.istio.io/v2',
  ],
  ['no name', 'apiVersion: v1\nkind: Namespace\nmetadata: {}', 'MISSING_FIELD metadata.name: this field is required'],
  ['bad name', service('ports: [{port: 80}]', '"1a"'), 'INVALID_NAME metadata.name: Invalid value: "1a": a DNS-1035 label'],
  ['unknown field', rule('timout: 1s'), 'UNKNOWN_FIELD spec.http[0].timout: unknown field "timout" | did you mean "timeout"?'],
  [
    'unknown field of Service',
    service('ports: [{port: 80}], selectors: {a: b}'),
    'UNKNOWN_FIELD spec.selectors: unknown field "selectors" | did you mean "selector"?',
  ],
  [
    'weight in quotes',
    virtualService('{route: [{destination: {host: a}, weight: "80"}]}'),
    'WRONG_TYPE spec.http[0].route[0].weight: must be a whole number, not a string | write 80 without quotes',
  ],
  [
    'number as label',
    destinationRule('subsets: [{name: v1, labels: {version: 1}}]'),
    'WRONG_TYPE spec.subsets[0].labels.version: must be a string, not the number 1 | put it in quotes: "1"',
  ],
  [
    'enum',
    destinationRule('trafficPolicy: {loadBalancer: {simple: ROUND_ROBBIN}}'),
    'UNKNOWN_VALUE spec.trafficPolicy.loadBalancer.simple: unknown value "ROUND_ROBBIN": must be one of UNSPECIFIED, LEAST_CONN, RANDOM, PASSTHROUGH, ROUND_ROBIN, LEAST_REQUEST | did you mean "ROUND_ROBIN"?',
  ],
  [
    'duration without unit',
    rule('timeout: "5"'),
    'INVALID_DURATION spec.http[0].timeout: "5" is no duration of at least 1ms | write a number with a unit, such as 500ms, 1.5s, 2m',
  ],
  ['duration of nothing', rule('timeout: 0s'), 'INVALID_DURATION spec.http[0].timeout: "0s" is no duration of at least 1ms'],
  [
    'two ways to match',
    rule('match: [{uri: {exact: /a, prefix: /b}}]'),
    'CONFLICTING_FIELDS spec.http[0].match[0].uri: exact and prefix exclude each other',
  ],
  ['no way to match', rule('match: [{uri: {}}]'), 'MISSING_FIELD spec.http[0].match[0].uri: one of exact, prefix, regex is required'],
  [
    'broken regex',
    rule('match: [{uri: {regex: "("}}]'),
    'INVALID_REGEX spec.http[0].match[0].uri.regex: "(" is no regular expression: missing closing ): `(`',
  ],
  [
    'lookahead',
    rule('match: [{uri: {regex: "a(?=b)"}}]'),
    'INVALID_REGEX spec.http[0].match[0].uri.regex: "a(?=b)" is no regular expression: invalid or unsupported Perl syntax: `(?=`',
  ],
  [
    'percentage',
    rule('fault: {delay: {percentage: {value: 110}, fixedDelay: 1s}}'),
    'OUT_OF_RANGE spec.http[0].fault.delay.percentage.value: must be between 0 and 100, not 110',
  ],
  [
    'status',
    rule('fault: {abort: {httpStatus: 99}}'),
    'OUT_OF_RANGE spec.http[0].fault.abort.httpStatus: must be a status between 200 and 599, not 99',
  ],
  ['rule without action', virtualService('{match: [{uri: {prefix: /}}]}'), 'MISSING_FIELD spec.http[0]: the rule does nothing'],
  ['two actions', rule('redirect: {uri: /x}'), 'CONFLICTING_FIELDS spec.http[0]: route and redirect exclude each other'],
  [
    'negative weight',
    virtualService('{route: [{destination: {host: a}, weight: -1}]}'),
    'OUT_OF_RANGE spec.http[0].route[0].weight: must be at least 0, not -1',
  ],
  [
    'weights of nothing',
    virtualService('{route: [{destination: {host: a}, weight: 0}, {destination: {host: b}}]}'),
    'INVALID_WEIGHTS spec.http[0].route: all weights are 0',
  ],
  [
    'condition of retries',
    rule('retries: {attempts: 2, retryOn: 5xxx}'),
    'UNKNOWN_VALUE spec.http[0].retries.retryOn: unknown condition "5xxx"',
  ],
  [
    'header name',
    rule('match: [{headers: {"a b": {exact: x}}}]'),
    'INVALID_NAME spec.http[0].match[0].headers["a b"]: "a b" is no name of a header',
  ],
  [
    'duplicate subset',
    destinationRule('subsets: [{name: v1}, {name: v1}]'),
    'DUPLICATE_SUBSET spec.subsets[1].name: duplicate subset "v1": spec.subsets[0].name has it already',
  ],
  [
    'port range',
    gateway('{port: {number: 70000, name: http, protocol: HTTP}, hosts: ["*"]}'),
    'OUT_OF_RANGE spec.servers[0].port.number: must be between 1 and 65535, not 70000',
  ],
  [
    'protocol',
    gateway('{port: {number: 80, name: http, protocol: HTPP}, hosts: ["*"]}'),
    'UNKNOWN_VALUE spec.servers[0].port.protocol: unknown protocol "HTPP"',
  ],
  [
    'gateway without hosts',
    gateway('{port: {number: 80, name: http, protocol: HTTP}, hosts: []}'),
    'MISSING_FIELD spec.servers[0].hosts: at least one host is required | write "*" for all',
  ],
  [
    'TLS missing',
    gateway('{port: {number: 443, name: https, protocol: HTTPS}, hosts: ["*"]}'),
    'MISSING_FIELD spec.servers[0].tls: protocol HTTPS requires tls',
  ],
  [
    'static names',
    serviceEntry('hosts: [a.com], resolution: STATIC, endpoints: [{address: b.com}]'),
    'INVALID_ADDRESS spec.endpoints[0].address: "b.com" is no IP address | set resolution DNS for names',
  ],
  [
    'port named twice',
    serviceEntry('hosts: [a.com], ports: [{number: 1, name: a}, {number: 2, name: a}]'),
    'DUPLICATE_PORT spec.ports[1].name: duplicate name of a port "a"',
  ],
  [
    'several ports unnamed',
    service('ports: [{port: 80}, {port: 81, name: b}]'),
    'MISSING_FIELD spec.ports[0].name: Required value | such as http-web',
  ],
  [
    'label value',
    'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a, labels: {x/y: "a b"}}',
    'INVALID_LABEL metadata.labels: Invalid value: "a b": a valid label',
  ],
  [
    'namespace of a Namespace',
    'apiVersion: v1\nkind: Namespace\nmetadata: {name: a, namespace: b}',
    'NOT_NAMESPACED metadata.namespace: a Namespace belongs to no namespace',
  ],
  [
    'selector that selects others',
    'apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: d}\nspec: {selector: {matchLabels: {app: a}}, template: {metadata: {labels: {app: b}}, spec: {containers: [{name: c}]}}}',
    'SELECTOR_MISMATCH spec.template.metadata.labels: Invalid value: {"app":"b"}: `selector` does not match template `labels` | set app: a',
  ],
];

const accepted: readonly (readonly [string, string])[] = [
  [
    'a delegate without hosts',
    'apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {name: d}\nspec: {http: [{route: [{destination: {host: a}}]}]}',
  ],
  ['a header that is only there', rule('match: [{headers: {cookie: {}}}]')],
  [
    'null fields',
    'apiVersion: v1\nkind: Service\nmetadata: {name: s, creationTimestamp: null}\nspec: {ports: [{port: 80}], selector: null}\nstatus: {loadBalancer: {}}',
  ],
  ["Go's regular expressions", rule('match: [{uri: {regex: "(?i)/a[[:digit:]]+(?P<x>b)\\\\z"}}]')],
  [
    'unread fields of pods',
    'apiVersion: v1\nkind: Pod\nmetadata: {name: p}\nspec: {containers: [{name: c, tty: true}], dnsPolicy: Default}',
  ],
];

const say = (yaml: string) =>
  readManifest(yaml, 'f.yaml').problems.map(
    ({ code, field, message, hint }) => `${code}${field ? ` ${field}` : ''}: ${message}${hint ? ` | ${hint}` : ''}`,
  );

describe('decodeObject refuses', () => {
  test.each(refused)('%s', (_, yaml, expected) => {
    const said = say(yaml);
    expect(
      said.some((line) => line.startsWith(expected)),
      said.join('\n'),
    ).toBe(true);
    expect(readManifest(yaml, 'f.yaml').objects).toEqual([]);
  });

  test('every problem at once', () => {
    const said = say(virtualService('{timeout: 5, retires: {}, route: [{destination: {}}]}'));
    expect(said).toHaveLength(3);
  });

  test('traps and abysses', () => {
    expect(decodeObject(JSON.parse('{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"a"},"__proto__":{"x":1}}')).ok).toBe(false);
    let deep: unknown = {};
    for (let i = 0; i < 100_000; i++) deep = { deep };
    const decoded = decodeObject({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'a' }, status: deep });
    expect(decoded.ok).toBe(false);
  });
});

describe('decodeObject accepts', () => {
  test.each(accepted)('%s', (_, yaml) => expect(say(yaml)).toEqual([]));

  test('every served version, and gives the preferred one', () => {
    for (const version of ['v1', 'v1beta1', 'v1alpha3']) {
      const decoded = decodeObject({
        apiVersion: `networking.istio.io/${version}`,
        kind: 'DestinationRule',
        metadata: { name: 'r' },
        spec: { host: 'r' },
      });
      expect(decoded.ok && decoded.value).toMatchObject({ apiVersion: 'networking.istio.io/v1', metadata: { namespace: 'default' } });
    }
  });

  test('with a warning where a rule is never reached', () => {
    const yaml = `${virtualService('{route: [{destination: {host: a}}]}')}  - {route: [{destination: {host: b}}]}\n`;
    expect(say(yaml)).toEqual([
      'UNREACHABLE_RULE spec.http[1]: never reached: spec.http[0] takes everything before it | put the rule without match last',
    ]);
    expect(readManifest(yaml, 'f.yaml').objects).toHaveLength(1);
  });
});
