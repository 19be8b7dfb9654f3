// Tunnels through the explicit proxy (CONNECT): to services that speak HTTP and to others, by the rules for TCP and for TLS.
import { expect, test } from 'vitest';
import { type Expectation, runExpectation } from './case.ts';
import { useTrafficMesh } from './use-traffic-mesh.ts';

const town = useTrafficMesh();

const url = 'http://whoever/path';
const rule = (spec: string) => `
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: rule, namespace: default}
spec: {${spec}}
`;
const reviews = (subset: string, more = '') => `{destination: {host: reviews, subset: ${subset}, port: {number: 9080}}${more}}`;
const secure = `
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: secure, namespace: default}
spec: {hosts: [secure.example.com], ports: [{number: 443, name: tls, protocol: TLS}], resolution: STATIC, endpoints: [{address: POD(ratings-v1), ports: {tls: 9080}}]}
`;
const byName = rule(`
  hosts: [secure.example.com, "*.wide.example.com"],
  tls: [
    {match: [{port: 443, sniHosts: [secure.example.com]}], route: [${reviews('v1')}]},
    {match: [{port: 443, sniHosts: ["*.wide.example.com"]}], route: [${reviews('v3')}]}]`);

const cases: readonly (readonly [name: string, yaml: string, calls: readonly Expectation[]])[] = [
  [
    'to an HTTP service, whose HTTP rules are not for what is in the tunnel',
    rule(`hosts: [reviews], http: [{fault: {abort: {httpStatus: 418, percentage: {value: 100}}}, route: [${reviews('v1')}]}]`),
    [
      { tunnel: 'reviews:9080', url, times: 30, expect: { reaches: { 'reviews-v1': 1 / 3, 'reviews-v2': 1 / 3, 'reviews-v3': 1 / 3 } } },
      { tunnel: 'reviews.default.svc.cluster.local:9080', url, expect: { status: 200 } },
      { tunnel: 'sidecar:9080', url, expect: { reaches: 'sidecar-v1' } },
      { tunnel: 'reviews:9090', url, expect: { status: 503 } },
    ],
  ],
  [
    'a TCP rule, of an HTTP service',
    rule(`hosts: [reviews], tcp: [{match: [{port: 9080}], route: [${reviews('v2')}]}]`),
    [{ tunnel: 'reviews:9080', url, times: 3, expect: { reaches: 'reviews-v2' } }],
  ],
  [
    'a TCP rule with weights',
    rule(`hosts: [two-ports], tcp: [{match: [{port: 7070}], route: [${reviews('v1', ', weight: 75')}, ${reviews('v3', ', weight: 25')}]}]`),
    [{ tunnel: 'two-ports:7070', url, times: 60, expect: { reaches: { 'reviews-v1': 0.75, 'reviews-v3': 0.25 } } }],
  ],
  ['a TLS service without a rule', secure, [{ tunnel: 'secure.example.com:443', url, expect: { reaches: 'ratings-v1' } }]],
  [
    'TLS rules, by the name that the tunnel is to',
    `${secure}---${byName}`,
    [
      { tunnel: 'secure.example.com:443', url, expect: { reaches: 'reviews-v1' } },
      { tunnel: 'any.wide.example.com:443', url, expect: { reaches: 'reviews-v3' } },
    ],
  ],
];

test.each(cases)('%s', async (_name, yaml, calls) => {
  await town.mesh.apply(yaml);
  expect(town.mesh.problems).toEqual([]);
  for (const call of calls) await runExpectation(town.mesh, call);
});
