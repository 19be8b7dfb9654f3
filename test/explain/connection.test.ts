// Calls that are not HTTP to the proxy: TLS by its server name, TCP by address and port; mirrors.
import { expect, test } from 'vitest';
import { readManifest } from '#api/manifest';
import { Explainer } from '#explain/explain';
import { buildWorld } from '#explain/world';

const entry = (host: string, ports: string, rest = '') => `apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: ${host.replaceAll(/[*.]/g, 'x')}}
spec: {hosts: ["${host}"], ports: [${ports}], resolution: STATIC, endpoints: [{address: 192.0.2.1}]${rest}}
`;
const tls = '{number: 443, name: tls, protocol: TLS}';
const mesh = [
  entry('bank.example', tls),
  entry('vault.example', tls),
  entry('addressed.example', '{number: 443, name: https, protocol: HTTPS}', ', addresses: [240.0.0.9]'),
  entry('one.example', '{number: 5432, name: tcp, protocol: TCP}', ', addresses: [240.0.0.1]'),
  entry('two.example', '{number: 5432, name: tcp, protocol: TCP}', ', addresses: [240.0.0.2]'),
  entry('plain.example', '{number: 8080, name: http, protocol: HTTP}'),
  `apiVersion: v1
kind: Pod
metadata: {name: client-1, labels: {app: client}}
spec: {containers: [{name: c}]}
`,
  `apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: door}
spec:
  selector: {istio: ingressgateway}
  servers: [{port: {number: 443, name: tls, protocol: TLS}, tls: {mode: PASSTHROUGH}, hosts: ["*"]}]
`,
  `apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: bank}
spec:
  hosts: [bank.example, "*.bank.example"]
  gateways: [mesh, door]
  tls:
    - match: [{sniHosts: [bank.example, "*.bank.example"], sourceLabels: {app: client}, gateways: [mesh]}]
      route: [{destination: {host: bank.example}, weight: 75}, {destination: {host: vault.example}, weight: 25}]
    - match: [{sniHosts: [bank.example], gateways: [door]}]
      route: [{destination: {host: vault.example}}]
`,
].join('---\n');
const explainer = new Explainer(buildWorld(readManifest(mesh, 'mesh.yaml', { namespace: 'default' }).objects));
const ask = (url: string, from: string | undefined = 'client') => explainer.explain({ from, url, method: 'GET', headers: {} });
const ways = (url: string, from?: string) => {
  const { outcome } = ask(url, from);
  return outcome.kind === 'forward' ? outcome.destinations.map(({ cluster, share }) => [cluster, share]) : outcome;
};

test.each<[string, unknown]>([
  [
    'tls://bank.example:443',
    [
      ['outbound|443||bank.example', 0.75],
      ['outbound|443||vault.example', 0.25],
    ],
  ],
  [
    'https://bank.example/',
    [
      ['outbound|443||bank.example', 0.75],
      ['outbound|443||vault.example', 0.25],
    ],
  ],
  [
    'tls://teller.BANK.example',
    [
      ['outbound|443||bank.example', 0.75],
      ['outbound|443||vault.example', 0.25],
    ],
  ],
  ['tls://vault.example', [['outbound|443||vault.example', 1]]],
  ['tls://addressed.example', [['outbound|443||addressed.example', 1]]],
  ['tls://elsewhere.example', [['PassthroughCluster', 1]]],
  ['tcp://one.example:5432', [['outbound|5432||one.example', 1]]],
  ['tcp://two.example:5432', [['outbound|5432||two.example', 1]]],
  ['tcp://three.example:5432', [['PassthroughCluster', 1]]],
])('%s', (url, expected) => {
  expect(ways(url)).toEqual(expected);
});

test('through a gateway that passes TLS on', () => {
  const through = (url: string) => explainer.explain({ from: undefined, url, method: 'GET', headers: {} });
  expect(through('tls://bank.example').outcome).toMatchObject({ destinations: [{ cluster: 'outbound|443||vault.example' }] });
  expect(through('tls://other.example')).toMatchObject({
    outcome: { kind: 'none', status: undefined, message: 'no filter chain of 0.0.0.0_8443 takes a connection for other.example' },
    candidates: [{ matched: false, mismatch: { condition: 'server name', expects: 'bank.example', found: 'other.example' } }],
  });
});

test('each chain says where it is written, and why it lost', () => {
  const { listener, candidates } = ask('tls://bank.example');
  expect(listener).toBe('0.0.0.0_443');
  expect(candidates.filter(({ origin }) => !origin.includes('istio-ingressgateway'))).toEqual([
    {
      origin: '0.0.0.0_443 filter chain vault.example',
      name: '',
      matched: false,
      mismatch: { condition: 'server name', expects: 'vault.example', found: 'bank.example' },
    },
    { origin: 'VirtualService default/bank spec.tls[0] (mesh.yaml:50)', name: '', matched: true, mismatch: undefined },
  ]);
});

test('TLS to a port of plain HTTP is refused, and said', () => {
  expect(ask('tls://plain.example:8080').outcome).toMatchObject({
    kind: 'none',
    status: 400,
    message: expect.stringContaining('speaks plain HTTP'),
  });
});

test.each([
  ['ftp://a/', /ftp.* cannot be asked for: known are http, https, tls and tcp/],
  ['tcp://a', /it names no port/],
  ['http://[', /is no URL/],
])('%s is refused', (url, message) => {
  expect(() => ask(url)).toThrow(message);
});
