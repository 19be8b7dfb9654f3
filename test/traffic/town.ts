// The mesh that the traffic tables are run in: a client, reviews in three versions, ratings, programs that fail in various ways, a gateway.
import { authority, secure } from './town-certificates.ts';
import type { Workload } from './traffic-mesh.ts';

const port = 9080;
const place = (zone: string) => ({ 'topology.kubernetes.io/region': 'r', 'topology.kubernetes.io/zone': zone });
const service = (app: string, version: string, zone: string) => ({ app, version, ...place(zone) });

export const workloads: readonly Workload[] = [
  { name: 'client', labels: { app: 'client', version: 'v2', ...place('a') }, proxy: 'client' },
  { name: 'stranger', namespace: 'other', labels: { app: 'stranger' }, proxy: 'client' },
  { name: 'gateway', namespace: 'istio-system', labels: { istio: 'ingressgateway' }, proxy: 'gateway' },
  { name: 'reviews-v1', labels: service('reviews', 'v1', 'a'), port },
  { name: 'reviews-v2', labels: service('reviews', 'v2', 'b'), port },
  { name: 'reviews-v3', labels: service('reviews', 'v3', 'b'), port },
  { name: 'ratings-v1', labels: service('ratings', 'v1', 'a'), port },
  { name: 'sidecar-v1', labels: { app: 'sidecar' }, port, proxy: 'server' },
  { name: 'socket-v1', labels: { app: 'socket' }, port, proxy: 'server', unixSocket: true },
  { name: 'sniffed-v1', labels: { app: 'sniffed' }, port, proxy: 'server' },
  { name: 'bare-v1', labels: { app: 'bare' }, port, proxy: 'server' },
  { name: 'far-v1', namespace: 'other', labels: { app: 'far' }, port },
  { name: 'outside-1', labels: {}, port },
  { name: 'outside-2', labels: {}, port },
  { name: 'two-ports-v1', labels: { app: 'two-ports' }, port },
  { name: 'hanging-v1', labels: { app: 'hanging' }, port, proxy: 'server', answer: 'silence' },
  { name: 'failing-v1', labels: { app: 'failing' }, port, answer: { failure: 'failing' } },
  { name: 'half-good', labels: { app: 'half' }, port },
  { name: 'half-bad', labels: { app: 'half' }, port, answer: { failure: 'bad half' } },
  // A workload that knows itself: half of it is in each zone.
  {
    name: 'shopper-a',
    labels: { app: 'shopper', ...place('a') },
    deployment: 'shopper',
    proxy: 'client',
    metadata: { ENABLE_SELF_DISCOVERY: 'true' },
  },
  { name: 'shopper-b', labels: { app: 'shopper', ...place('b') }, deployment: 'shopper' },
  { name: 'load-low', labels: { app: 'load' }, port, load: 'TEXT rps_fractional=100,eps=10,named_metrics.queue=0.1' },
  { name: 'load-high', labels: { app: 'load' }, port, load: 'JSON {"rps_fractional": 100, "named_metrics": {"queue": 0.6}}' },
  { name: 'odd-good', labels: { app: 'odd' }, port },
  { name: 'odd-bad', labels: { app: 'odd' }, port, answer: { failure: 'too many', status: 429 } },
  { name: 'secure-v1', labels: {}, port, speaks: { ...secure, authority: authority.certificate } },
  { name: 'two-v1', labels: { app: 'two' }, port, speaks: 'http2' },
  { name: 'proxied-v1', labels: { app: 'proxied' }, port, speaks: 'proxy protocol' },
  { name: 'calls-good', labels: { app: 'calls' }, port },
  {
    name: 'calls-bad',
    labels: { app: 'calls' },
    port,
    answer: { failure: '', status: 200, headers: { 'content-type': 'application/grpc', 'grpc-status': '14' } },
  },
  { name: 'silent-v1', labels: { app: 'silent' }, port, answer: 'silence' },
];

const serviceOf = (name: string, namespace = 'default', extra = '') => `
apiVersion: v1
kind: Service
metadata: {name: ${name}, namespace: ${namespace}}
spec: {selector: {app: ${name}}, ports: [{name: http, port: ${port}}]${extra}}
---`;

export const services = [
  ...['reviews', 'ratings', 'failing', 'half', 'silent', 'load', 'odd', 'shopper', 'two', 'proxied', 'calls'].map((name) =>
    serviceOf(name),
  ),
  serviceOf('far', 'other'),
  serviceOf('hanging'),
  serviceOf('socket'),
  serviceOf('bare').replace('name: http', 'name: tcp'),
  serviceOf('sniffed').replace('name: http', 'name: any'),
  serviceOf('sidecar').replace(']}', ', {name: http-2, port: 9081}]}'),
  serviceOf('two-ports').replace(']}', ', {name: http-2, port: 9081, targetPort: 9080}, {name: tcp, port: 7070, targetPort: 9080}]}'),
  `
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: reviews, namespace: default}
spec:
  host: reviews
  subsets: [{name: v1, labels: {version: v1}}, {name: v2, labels: {version: v2}}, {name: v3, labels: {version: v3}}]
`,
].join('');

/** `spec`: in flow style. */
export function object(kind: string, name: string, spec: string, metadata = 'namespace: default'): string {
  return `
apiVersion: networking.istio.io/v1
kind: ${kind}
metadata: {name: ${name}, ${metadata}}
spec: {${spec}}
---`;
}

/** Calls to the host are given up soon, and not tried again. */
export const impatient = (host: string) => `
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: ${host}, namespace: default}
spec: {hosts: [${host}], http: [{timeout: 1s, retries: {attempts: 0}, route: [{destination: {host: ${host}}}]}]}
`;

/** Of a namespace, in the clear. */
export function secretYaml(name: string, data: Record<string, string>, namespace = 'istio-system'): string {
  const encoded = Object.fromEntries(Object.entries(data).map(([key, value]) => [key, Buffer.from(value).toString('base64')]));
  return `\n${JSON.stringify({ apiVersion: 'v1', kind: 'Secret', metadata: { name, namespace }, data: encoded })}\n---`;
}
