// A proxy of two processes: what is limited is limited in both together, how endpoints are is found out once, and holds in both. Which of
// them serves is decided by stopping the other.
import { once } from 'node:events';
import http, { type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { type Answer, request } from './http-client.ts';
import { whyNotBuilt } from './mesh-fixture.ts';
import { descendantsOf } from './process-tree.ts';
import { type StandaloneProxy, startStandaloneProxy } from './standalone-proxy.ts';
import { whileStopped } from './stopped-process.ts';
import { until } from './until.ts';

const tokens = 40;
const held: ServerResponse[] = [];
let healthChecks = 0;
const backend = http.createServer(({ url }, response) => {
  if (url === '/healthz') healthChecks++;
  response.statusCode = url === '/flaky/failing' ? 500 : 200;
  if (url === '/held') held.push(response);
  else response.end();
});
let proxy: StandaloneProxy;

const assignment = (cluster: string, port: number) =>
  `{cluster_name: ${cluster}, endpoints: [{lb_endpoints: [{endpoint: {address: {socket_address: {address: 127.0.0.1, port_value: ${port}}}}}]}]}`;

const configuration = (port: number) => `
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
                route_config:
                  virtual_hosts:
                    - name: all
                      domains: ["*"]
                      routes:
                        - match: {path: /limited}
                          direct_response: {status: 200}
                          typed_per_filter_config:
                            limit:
                              "@type": type.googleapis.com/envoy.extensions.filters.http.local_ratelimit.v3.LocalRateLimit
                              stat_prefix: limit
                              token_bucket: {max_tokens: ${tokens}, tokens_per_fill: 1, fill_interval: 3600s}
                              filter_enabled: {default_value: {numerator: 100}}
                              filter_enforced: {default_value: {numerator: 100}}
                              enable_x_ratelimit_headers: DRAFT_VERSION_03
                        - match: {prefix: /flaky}
                          route: {cluster: flaky}
                        - match: {prefix: /checked}
                          route: {cluster: checked}
                        - match: {prefix: /}
                          route: {cluster: backend, timeout: 60s}
                http_filters:
                  - name: limit
                    typed_config: {"@type": type.googleapis.com/envoy.extensions.filters.http.local_ratelimit.v3.LocalRateLimit, stat_prefix: none}
                  - name: router
                    typed_config: {"@type": type.googleapis.com/envoy.extensions.filters.http.router.v3.Router}
  clusters:
    - name: backend
      connect_timeout: 1s
      type: STATIC
      circuit_breakers: {thresholds: [{max_requests: 2}]}
      load_assignment: ${assignment('backend', port)}
    - name: flaky
      connect_timeout: 1s
      type: STATIC
      common_lb_config: {healthy_panic_threshold: {value: 0}}
      outlier_detection: {consecutive_5xx: 3, base_ejection_time: 3600s, max_ejection_percent: 100}
      load_assignment: ${assignment('flaky', port)}
    - name: checked
      connect_timeout: 1s
      type: STATIC
      common_lb_config: {healthy_panic_threshold: {value: 0}}
      health_checks: [{timeout: 5s, interval: 3600s, no_traffic_interval: 3600s, healthy_threshold: 1, unhealthy_threshold: 1, http_health_check: {path: /healthz}}]
      load_assignment: ${assignment('checked', port)}
`;

beforeAll(async () => {
  if (whyNotBuilt !== undefined) return;
  await once(backend.listen(0, '127.0.0.1'), 'listening');
  proxy = await startStandaloneProxy(configuration((backend.address() as AddressInfo).port), '--concurrency', '2');
});
beforeEach((context) => {
  if (whyNotBuilt !== undefined) context.skip(whyNotBuilt);
});
afterAll(async () => {
  await proxy?.close();
  backend.closeAllConnections();
  backend.close();
});

const worker = () => descendantsOf(proxy.child.pid!).find(({ command }) => command.includes('proxy-worker.js'))?.pid;
const first = () => proxy.child.pid!;

/** Each on a connection of its own. */
const ask = (path: string, msMax?: number): Promise<Answer> => request(`http://${proxy.at('in')}${path}`, msMax ? { msMax } : {});

async function remaining(msMax?: number): Promise<number> {
  const { status, headers } = await ask('/limited', msMax);
  expect(status).toBe(200);
  return Number(headers['x-ratelimit-remaining']);
}

test('a bucket of tokens is one: what one process takes is missing in the other', async () => {
  // Until it has been told of the bucket that is shared, it has half of one; and until it serves, nobody answers.
  await until('the worker knows', async () => (await whileStopped(first(), () => remaining(300))) > tokens / 2);
  const left = await whileStopped(worker()!, () => remaining());
  expect(await whileStopped(first(), () => remaining())).toBe(left - 1);
  expect(await whileStopped(worker()!, () => remaining())).toBe(left - 2);
  const half = Math.floor((left - 2) / 2);
  const statuses = async (times: number) => {
    const answers: number[] = [];
    for (let i = 0; i < times; i++) answers.push((await ask('/limited')).status);
    return answers.filter((status) => status === 200).length;
  };
  expect(await whileStopped(first(), () => statuses(half))).toBe(half);
  expect(await whileStopped(worker()!, () => statuses(tokens))).toBe(left - 2 - half);
  expect(await whileStopped(first(), () => statuses(1))).toBe(0);
});

test('a circuit breaker is one: requests under way in one process are so in the other, until they end', async () => {
  const under = [ask('/held'), ask('/held')];
  await until('two are under way, in whichever', () => held.length === 2);
  for (const pid of [worker()!, first()]) expect((await whileStopped(pid, () => ask('/'))).status).toBe(503);
  for (const response of held.splice(0)) response.end();
  expect((await Promise.all(under)).map(({ status }) => status)).toEqual([200, 200]);
  for (const pid of [worker()!, first()]) expect((await whileStopped(pid, () => ask('/'))).status).toBe(200);
});

test('what a worker had under way ends with it', async () => {
  const killed = worker()!;
  const under = await whileStopped(first(), async () => {
    const asked = [ask('/held'), ask('/held')].map((each) => each.catch(() => undefined));
    await until('two are under way in the worker', () => held.length === 2);
    return asked;
  });
  expect((await whileStopped(killed, () => ask('/'))).status).toBe(503);
  process.kill(killed, 'SIGKILL');
  await Promise.all(under);
  held.splice(0);
  await until('there is room', async () => (await ask('/')).status === 200);
});

test('an endpoint that fails in the worker is ejected in both', async () => {
  const statuses = async () => {
    const found: number[] = [];
    for (const pid of [first(), worker()!]) found.push((await whileStopped(pid, () => ask('/flaky', 300))).status);
    return found;
  };
  await until('both serve', async () => (await statuses()).every((status) => status === 200));
  await whileStopped(first(), async () => {
    for (let i = 0; i < 3; i++) expect((await ask('/flaky/failing')).status).toBe(500);
  });
  // A success of the first one's own, while the worker's failures are on their way to it, would begin the row anew.
  const ejections = async () => (await request(`${proxy.at('admin')}/stats?filter=flaky.*ejections_enforced_consecutive_5xx`)).body;
  await until('it is ejected', async () => (await ejections()).endsWith(': 1\n'));
  await until('both know', async () => (await statuses()).every((status) => status === 503));
});

test('endpoints are asked by one process how they are, and both know', async () => {
  for (const pid of [first(), worker()!]) expect((await whileStopped(pid, () => ask('/checked'))).status).toBe(200);
  expect(healthChecks).toBe(1);
});
