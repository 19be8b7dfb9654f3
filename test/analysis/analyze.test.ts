// YAML in, `code object field: message` out.
import { describe, expect, test } from 'vitest';
import { advise } from '#analysis/advise';
import { analyze } from '#analysis/analyze';
import { defaultAnalyzers } from '#analysis/analyzers';
import { Resources } from '#analysis/resources';
import { resourceLabel } from '#analysis/suppression';
import type { ApiObject } from '#api/kind';
import { readManifest } from '#api/manifest';
import { ManualClock } from '#foundation/clock';
import { SeededRandom } from '#foundation/random';
import { MemoryStore } from '#store/memory-store';

const service = (name: string) => `apiVersion: v1\nkind: Service\nmetadata: {name: ${name}}\nspec: {ports: [{port: 80}]}\n`;
const object = (kind: string, name: string, spec: string, time = '2026-01-01T00:00:00Z') =>
  `apiVersion: networking.istio.io/v1\nkind: ${kind}\nmetadata: {name: ${name}, creationTimestamp: "${time}"}\nspec: {${spec}}\n`;
const route = (host: string, subset?: string) => `http: [{route: [{destination: {host: ${host}${subset ? `, subset: ${subset}` : ''}}}]}]`;
const server = (number: number, protocol: string) => `{port: {number: ${number}, name: n, protocol: ${protocol}}, hosts: ["*"]}`;
const later = '2026-02-02T00:00:00Z';

const cases: readonly (readonly [string, readonly string[], readonly string[]])[] = [
  ['nothing wrong', [service('a'), object('VirtualService', 'a', `hosts: [a], ${route('a')}`)], []],
  [
    'unknown host',
    [service('reviews'), object('VirtualService', 'v', `hosts: [reviews], ${route('reveiws')}`)],
    [
      'IST0101 VirtualService v.default spec.http[0].route[0].destination.host: no Service or ServiceEntry has the host reveiws.default.svc.cluster.local: requests for it fail with 503 | did you mean reviews.default.svc.cluster.local?',
    ],
  ],
  [
    'host of half a name',
    [service('a'), object('VirtualService', 'v', `hosts: [a], ${route('a.default')}`)],
    [
      'IST0101 VirtualService v.default spec.http[0].route[0].destination.host: no Service or ServiceEntry has the host a.default: requests for it fail with 503 | did you mean a.default.svc.cluster.local?',
    ],
  ],
  [
    'host of a wildcard ServiceEntry',
    [
      object('ServiceEntry', 'e', 'hosts: ["*.example.com"]'),
      object('VirtualService', 'v', `hosts: [x.example.com], ${route('x.example.com')}`),
    ],
    [],
  ],
  [
    'unknown subset, beside known ones',
    [
      service('a'),
      object('DestinationRule', 'd', 'host: a, subsets: [{name: v1}, {name: v2}]'),
      object('VirtualService', 'v', `hosts: [a], ${route('a', 'v3')}`),
    ],
    [
      'IST0101 VirtualService v.default spec.http[0].route[0].destination.subset: no DestinationRule defines subset "v3" of a.default.svc.cluster.local: requests for it fail with 503; a version of this resource that is served already stays in force until it is defined | DestinationRule default/d (f1.yaml:1) defines v1, v2: did you mean "v1"?',
    ],
  ],
  [
    'subset of a wildcard DestinationRule',
    [
      service('a'),
      object('DestinationRule', 'd', 'host: "*.default.svc.cluster.local", subsets: [{name: v1}]'),
      object('VirtualService', 'v', `hosts: [a], ${route('a', 'v1')}`),
    ],
    [],
  ],
  [
    'unknown gateway',
    [
      service('a'),
      object('Gateway', 'bookinfo-gateway', `servers: [${server(80, 'HTTP')}]`),
      object('VirtualService', 'v', `hosts: ["*"], gateways: [bookinfo-gatway], ${route('a')}`),
    ],
    [
      'IST0101 VirtualService v.default spec.gateways[0]: Gateway default/bookinfo-gatway does not exist: nothing reaches this route through it | did you mean default/bookinfo-gateway?',
      'IST0132 VirtualService v.default spec.gateways[0]: Gateway default/bookinfo-gatway takes requests for none of the hosts *',
    ],
  ],
  [
    'two VirtualServices of one host',
    [
      service('a'),
      object('VirtualService', 'old', `hosts: [a.default.svc.cluster.local], ${route('a')}`),
      object('VirtualService', 'new', `hosts: [a], ${route('a')}`, later),
    ],
    [
      'IST0109 VirtualService old.default spec.hosts[0]: VirtualService default/new (f2.yaml:1) has the host a.default.svc.cluster.local too: this one is older, and that one has no effect for the mesh | put the rules of one host into one VirtualService',
      'IST0109 VirtualService new.default spec.hosts[0]: VirtualService default/old (f1.yaml:1) has the host a.default.svc.cluster.local already: it is older, and this one has no effect for the mesh | put the rules of one host into one VirtualService',
    ],
  ],
  [
    'the same host at a gateway only',
    [
      service('a'),
      object('Gateway', 'g', `servers: [${server(80, 'HTTP')}]`),
      object('VirtualService', 'old', `hosts: [a], ${route('a')}`),
      object('VirtualService', 'new', `hosts: [a], gateways: [g], ${route('a')}`, later),
    ],
    [],
  ],
  [
    'two Gateways of one port',
    [
      object('Gateway', 'old', `selector: {istio: ingressgateway}, servers: [${server(80, 'HTTP')}]`),
      object('Gateway', 'new', `selector: {istio: ingressgateway}, servers: [${server(80, 'TCP')}]`, later),
    ],
    [
      'LTN0001 Gateway new.default spec.servers[0].port: port 80 is HTTP in Gateway default/old (f0.yaml:4), which is older: this server is not opened | use another port, or protocol HTTP',
    ],
  ],
  [
    'two Gateways of one port, for other proxies',
    [
      object('Gateway', 'old', `selector: {istio: a}, servers: [${server(80, 'HTTP')}]`),
      object('Gateway', 'new', `selector: {istio: b}, servers: [${server(80, 'TCP')}]`, later),
    ],
    [],
  ],
  [
    'two DestinationRules of one subset',
    [
      object('DestinationRule', 'old', 'host: a, subsets: [{name: v1, labels: {v: "1"}}, {name: v2}]'),
      object('DestinationRule', 'new', 'host: a, subsets: [{name: v2}, {name: v1, labels: {v: "2"}}]', later),
    ],
    [
      'LTN0002 DestinationRule new.default spec.subsets[1]: DestinationRule default/old (f0.yaml:4) defines subset "v1" of a.default.svc.cluster.local differently: it is older, and this one has no effect | define the subsets of one host in one DestinationRule',
    ],
  ],
  [
    'fields that do not act yet',
    [
      object(
        'DestinationRule',
        'd',
        'host: a, trafficPolicy: {tls: {mode: ISTIO_MUTUAL}}, subsets: [{name: v1, trafficPolicy: {tls: {mode: DISABLE}}}]',
      ),
      'apiVersion: telemetry.istio.io/v1\nkind: Telemetry\nmetadata: {name: t, namespace: default}\nspec: {tracing: [{disableContextPropagation: true}]}\n',
      service('a'),
      object('VirtualService', 'v', 'hosts: [a], http: [{route: [{destination: {host: a}}], mirror: {host: a}}]'),
      object(
        'Gateway',
        'g',
        'servers: [{port: {number: 443, name: n, protocol: HTTPS}, hosts: ["*"], tls: {mode: SIMPLE, credentialName: c}}]',
      ),
    ],
    ['LTN0003 Telemetry t.default spec.tracing[0].disableContextPropagation: not in effect yet: the next hop is told of the trace'],
  ],
  [
    'fields of ProxyConfig that have no meaning here',
    [
      'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: istio, namespace: istio-system}\ndata: {mesh: "defaultConfig: {binaryPath: /e, drainDuration: 5s, proxyHeaders: {preserveHttp1HeaderCase: {mode: DISABLED}}}"}\n',
    ],
    [
      'LTN0003 ConfigMap istio.istio-system data.mesh: defaultConfig.binaryPath is not in effect: proxies are not started from an Envoy bootstrap',
      'LTN0003 ConfigMap istio.istio-system data.mesh: defaultConfig.proxyHeaders.preserveHttp1HeaderCase is not in effect: HTTP/1 headers keep their case anyway',
    ],
  ],
];

const read = (texts: readonly string[]): ApiObject[] =>
  texts.flatMap((text, index) => {
    const { objects, problems } = readManifest(text, `f${index}.yaml`);
    expect(problems.filter(({ level }) => level === 'error')).toEqual([]);
    return objects;
  });

/** Those that the API server asks on a write: the rest has its fixtures. */
const asked = [
  ...['virtualservice.DestinationHostAnalyzer', 'virtualservice.DestinationRuleAnalyzer', 'virtualservice.GatewayAnalyzer'],
  ...['virtualservice.ConflictingMeshGatewayHostsAnalyzer', 'lateen.ConflictingServersAnalyzer', 'lateen.ConflictingSubsetsAnalyzer'],
  'lateen.NotYetInEffectAnalyzer',
  'lateen.InertProxyConfigAnalyzer',
];
const find = (objects: readonly ApiObject[]) =>
  analyze(
    new Resources(objects),
    defaultAnalyzers.filter(({ name }) => asked.includes(name)),
  );

describe('analyze', () => {
  test.each(cases)('%s', (_, texts, expected) => {
    const found = find(read(texts));
    expect(found.every(({ origin }) => origin !== undefined)).toBe(true);
    expect(
      found.map(
        ({ code, object, field, message, hint }) => `${code} ${resourceLabel(object)} ${field}: ${message}${hint ? ` | ${hint}` : ''}`,
      ),
    ).toEqual(expected);
  });

  test('the order of the objects does not matter', () => {
    for (const [, texts] of cases) {
      const objects = read(texts);
      const messages = (all: readonly ApiObject[]) =>
        find(all)
          .map(({ code, object, field }) => `${code} ${resourceLabel(object)} ${field}`)
          .sort();
      expect(messages([...objects].reverse())).toEqual(messages(objects));
    }
  });
});

test('advice on one object is about it alone, and finds what is stored', async () => {
  const store = new MemoryStore({ clock: new ManualClock(), random: new SeededRandom(1) });
  const ask = advise(store);
  const objects = read(
    Array.from({ length: 50 }, (_, i) => [service(`s${i}`), object('VirtualService', `v${i}`, `hosts: [s${i}], ${route(`s${i}`)}`)]).flat(),
  );
  for (const each of objects) expect(ask(await store.create(each))).toEqual([]);
  const [lost] = read([object('VirtualService', 'lost', `hosts: [x], ${route('nowhere')}`)]);
  expect(ask(await store.create(lost!)).map(({ code }) => code)).toEqual(['IST0101']);
});
