// `lateen proxy`: the data plane by itself, from files of Envoy's, and below a control plane that is not its parent.
import { once } from 'node:events';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { request } from './http-client.ts';
import { useMesh, whyNotBuilt } from './mesh-fixture.ts';
import { type StandaloneProxy, startStandaloneProxy } from './standalone-proxy.ts';
import { until } from './until.ts';

const mesh = useMesh();
const cleanups: (() => Promise<unknown> | void)[] = [];

beforeEach((context) => {
  if (whyNotBuilt !== undefined) context.skip(whyNotBuilt);
});
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

async function start(content: string, ...args: string[]): Promise<StandaloneProxy> {
  const proxy = await startStandaloneProxy(content, ...args);
  cleanups.push(proxy.close);
  return proxy;
}

async function end({ child }: StandaloneProxy): Promise<number | null> {
  child.kill('SIGINT');
  await once(child, 'close');
  return child.exitCode;
}

async function backend(): Promise<number> {
  const server = http.createServer((_, response) => response.end('of the backend')).listen(0, '127.0.0.1');
  cleanups.push(() => void server.close());
  await once(server, 'listening');
  return (server.address() as AddressInfo).port;
}

/** That nobody has at the moment. */
async function freePort(): Promise<number> {
  const server = http.createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

const extension = (name: string) => `{"@type": type.googleapis.com/envoy.extensions.filters.${name}}`;

const bootstrap = (port: number, filter = '') => `
node: {id: edge, cluster: edge}
admin: {address: {socket_address: {address: 127.0.0.1, port_value: 0}}}
static_resources:
  listeners:
    - name: in
      address: {socket_address: {address: 127.0.0.1, port_value: 0}}
      filter_chains:
        - filters:
            - name: http
              typed_config:
                "@type": type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager
                stat_prefix: in
                route_config: {virtual_hosts: [{name: all, domains: ["*"], routes: [{match: {prefix: /}, route: {cluster: backend, timeout: 3s}}]}]}
                http_filters: [${filter}{name: router, typed_config: ${extension('http.router.v3.Router')}}]
  clusters:
    - name: backend
      connect_timeout: 1s
      type: STATIC
      load_assignment: {cluster_name: backend, endpoints: [{lb_endpoints: [{endpoint: {address: {socket_address: {address: 127.0.0.1, port_value: ${port}}}}}]}]}
`;

test('in the place of an Envoy with static resources; and again from its config dump', async () => {
  const proxy = await start(bootstrap(await backend()));
  expect(await request(`http://${proxy.at('in')}/`)).toMatchObject({ status: 200, body: 'of the backend' });
  const dump = (await request(`${proxy.at('admin')}/config_dump?include_eds`)).body;
  expect(await end(proxy)).toBe(0);
  const again = await start(dump, '--admin-port', '0');
  expect(await request(`http://${again.at('in')}/`)).toMatchObject({ status: 200, body: 'of the backend' });
  expect(again.said.stderr).toBe('');
});

test('below a control plane: it is what its node says, and follows', async () => {
  const { xds } = mesh.addresses;
  const port = await freePort();
  const id = 'router~127.0.0.1~second.istio-system~istio-system.svc.cluster.local';
  const metadata = '{NAMESPACE: istio-system, LABELS: {istio: second}}';
  await mesh.apply(`apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: second, namespace: istio-system}
spec: {selector: {istio: second}, servers: [{port: {number: ${port}, name: http, protocol: HTTP}, hosts: ["*"]}]}
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: second, namespace: istio-system}
spec: {hosts: ["*"], gateways: [second], http: [{match: [{uri: {prefix: /told}}], directResponse: {status: 200, body: {string: by the mesh}}}]}
`);
  const proxy = await start(
    `node: {id: ${id}, cluster: second.istio-system, metadata: ${metadata}}
dynamic_resources: {ads_config: {api_type: DELTA_GRPC, grpc_services: [{envoy_grpc: {cluster_name: control}}]}}
static_resources:
  clusters:
    - name: control
      connect_timeout: 1s
      type: STATIC
      load_assignment: {cluster_name: control, endpoints: [{lb_endpoints: [{endpoint: {address: {socket_address: {address: ${xds.address}, port_value: ${xds.port}}}}}]}]}
`,
    ...['--admin-port', '0'],
  );
  expect(proxy.said.stderr).toBe('');
  expect(proxy.at('node')).toBe(id);
  const told = `http://127.0.0.1:${port}/told`;
  await until('it serves what it is told', async () => (await request(told).catch(() => undefined))?.body === 'by the mesh');
  await until('the request is logged', () => proxy.said.stdout.includes('"GET /told HTTP/1.1" 200 - direct_response') || proxy.said.stdout);
});

test.each([
  ['a filter that is not known', bootstrap(1, `{name: odd, typed_config: ${extension('http.rbac.v3.RBACPerRoute')}}, `), /error: .*odd/s],
  ['nothing to listen for', 'static_resources: {}', /there is no listener in it, and no control plane/],
])('%s: says so and ends', async (_, content, message) => {
  const { child, said } = await start(content);
  expect(child.exitCode).toBe(1);
  expect(said.stderr).toMatch(message);
  expect(said.stderr).not.toMatch(/\n\s+at /);
});
