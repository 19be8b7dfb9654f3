// The admin interface of a running proxy, at Envoy's paths: what it has, what it counts, what it can be asked to change.
import { beforeAll, describe, expect, test } from 'vitest';
import { useMesh, whyNotBuilt } from './mesh-fixture.ts';
import { until } from './until.ts';

const mesh = useMesh();

const rules = `apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: reviews}
spec:
  host: reviews
  subsets: [{name: v2, labels: {version: v2}}]
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: reviews}
spec:
  hosts: [reviews]
  http:
    - name: to-v2
      route:
        - destination: {host: reviews, subset: v2}
`;

beforeAll(async () => {
  if (whyNotBuilt !== undefined) return;
  await mesh.apply(rules);
  await until('v2 serves', async () => {
    for (let i = 0; i < 4; i++) if (!(await mesh.get('/api/v1/products/0/reviews')).body.includes('reviews-v2-')) return false;
    return true;
  });
});

type Json = { [key: string]: Json } & Json[] & string;

async function json(workload: string, where: string): Promise<Json> {
  const { status, headers, body } = await mesh.admin(workload, where);
  expect([status, headers['content-type']]).toEqual([200, 'application/json']);
  return JSON.parse(body) as Json;
}

/** Samples of one metric: labels and value. */
function samplesOf(text: string, metric: string): { labels: Record<string, string>; value: number }[] {
  return text.split('\n').flatMap((line) => {
    const match = /^(\w+)\{(.*)\} (\S+)$/.exec(line);
    if (match?.[1] !== metric) return [];
    const labels = Object.fromEntries([...match[2]!.matchAll(/(\w+)="((?:[^"\\]|\\.)*)"/g)].map(([, name, value]) => [name!, value!]));
    return [{ labels, value: Number(match[3]) }];
  });
}

describe('configuration', () => {
  test('/config_dump has bootstrap, clusters, listeners, routes and secrets in Envoy’s shape', async () => {
    const { configs } = await json('productpage-v1', '/config_dump');
    const types = configs!.map((config) => config['@type']);
    expect(types).toEqual(
      ['Bootstrap', 'Clusters', 'Listeners', 'Routes', 'Secrets'].map((name) => `type.googleapis.com/envoy.admin.v3.${name}ConfigDump`),
    );
    const [bootstrap, clusters, listeners] = configs!;
    expect(bootstrap!['bootstrap']!['node']!['id']).toMatch(
      /^sidecar~127\.\d+\.\d+\.\d+~productpage-v1-.*\.default~default\.svc\.cluster\.local$/,
    );
    const clusterNames = clusters!['dynamic_active_clusters']!.map(({ cluster }) => cluster!['name'] as string);
    for (const name of ['details', 'ratings', 'reviews', 'productpage'])
      expect(clusterNames).toContain(`outbound|9080||${name}.default.svc.cluster.local`);
    expect(clusterNames).toContain('outbound|9080|v2|reviews.default.svc.cluster.local');
    expect(clusterNames).toContain('inbound|9080||');
    const listenerNames = listeners!['dynamic_listeners']!.map(({ name }) => name as string);
    expect(listenerNames).toContain('127.0.0.1_15001');
  });

  test('a route knows the resource, file and line that it comes from', async () => {
    const { configs } = await json('productpage-v1', '/config_dump?resource=dynamic_route_configs');
    const hosts = configs!.flatMap((config) => config['route_config']!['virtual_hosts']!.map((host) => host));
    const reviews = hosts.find(({ name }) => (name as string).startsWith('reviews.default.svc.cluster.local'))!;
    const route = reviews['routes']![0]!;
    expect(route['route']!['cluster']).toBe('outbound|9080|v2|reviews.default.svc.cluster.local');
    expect(route['metadata']!['filter_metadata']!['istio']!['config']).toBe(
      '/apis/networking.istio.io/v1/namespaces/default/virtual-service/reviews',
    );
    expect(route['metadata']!['filter_metadata']!['lateen']).toMatchObject({ file: 'standard input', line: 14 });
  });

  test('/listeners and /clusters as text and as JSON', async () => {
    const listeners = (await mesh.admin('istio-ingressgateway', '/listeners')).body;
    const { port } = mesh.addresses.gatewayHttp;
    expect(listeners).toContain(`::127.0.0.1:${port}\n`);
    const bound = (await json('istio-ingressgateway', '/listeners?format=json'))['listener_statuses']!;
    expect(bound.map(({ local_address }) => local_address!['socket_address']!['port_value'])).toContain(port);
    const pod = (await mesh.pod('reviews-v2')).status!.podIP!;
    expect((await mesh.admin('productpage-v1', '/clusters')).body).toContain(
      `outbound|9080|v2|reviews.default.svc.cluster.local::${pod}:9080::health_flags::healthy\n`,
    );
    const statuses = (await json('productpage-v1', '/clusters?format=json'))['cluster_statuses']!;
    const subset = statuses.find(({ name }) => (name as string) === 'outbound|9080|v2|reviews.default.svc.cluster.local')!;
    expect(subset['host_statuses']!.map(({ address }) => address!['socket_address'])).toEqual([{ address: pod, port_value: 9080 }]);
  });
});

describe('metrics', () => {
  test('istio_requests_total is counted by client and server, each naming both', async () => {
    const count = async (workload: string, reporter: string) => {
      const { headers, body } = await mesh.admin(workload, '/stats/prometheus');
      expect(headers['content-type']).toMatch(/^text\/plain/);
      return samplesOf(body, 'istio_requests_total').filter(
        ({ labels }) =>
          labels['reporter'] === reporter && labels['destination_workload'] === 'reviews-v2' && labels['response_code'] === '200',
      );
    };
    const total = (samples: { value: number }[]) => samples.reduce((sum, { value }) => sum + value, 0);
    const before = [total(await count('productpage-v1', 'source')), total(await count('reviews-v2', 'destination'))];
    for (let i = 0; i < 10; i++) await mesh.get('/api/v1/products/0/reviews');
    const source = await count('productpage-v1', 'source');
    const destination = await count('reviews-v2', 'destination');
    expect([total(source), total(destination)]).toEqual(before.map((value) => value + 10));
    for (const samples of [source, destination]) {
      expect(samples).toHaveLength(1);
      expect(samples[0]!.labels).toMatchObject({
        source_workload: 'productpage-v1',
        source_workload_namespace: 'default',
        source_app: 'productpage',
        source_canonical_service: 'productpage',
        destination_workload: 'reviews-v2',
        destination_workload_namespace: 'default',
        destination_app: 'reviews',
        destination_version: 'v2',
        destination_service: 'reviews.default.svc.cluster.local',
        destination_service_name: 'reviews',
        destination_service_namespace: 'default',
        request_protocol: 'http',
        response_flags: '-',
      });
    }
  });

  test('/stats has the counters of clusters, and can be filtered', async () => {
    const { body } = await mesh.admin('productpage-v1', '/stats?filter=^cluster\\.outbound%5C|9080%5C|v2%5C|reviews.*upstream_rq_total$');
    expect(body).toMatch(/^cluster\.outbound\|9080\|v2\|reviews\.default\.svc\.cluster\.local\.upstream_rq_total: [1-9]\d*\n$/);
  });
});

describe('the rest', () => {
  test('/ready, /server_info', async () => {
    expect((await mesh.admin('reviews-v2', '/ready')).body).toBe('LIVE\n');
    const info = await json('reviews-v2', '/server_info');
    expect([info['state'], info['xds']]).toEqual(['LIVE', { connected: true, disconnects: 0 }]);
  });

  test('/healthcheck/fail and /healthcheck/ok say what /ready says; traffic goes on', async () => {
    const ready = async () => (await mesh.admin('reviews-v3', '/ready')).status;
    expect((await mesh.admin('reviews-v3', '/healthcheck/fail')).status).toBe(405);
    expect((await mesh.admin('reviews-v3', '/healthcheck/fail', 'POST')).body).toBe('OK\n');
    try {
      expect(await ready()).toBe(503);
      expect((await mesh.get('/api/v1/products/0/reviews')).status).toBe(200);
    } finally {
      expect((await mesh.admin('reviews-v3', '/healthcheck/ok', 'POST')).body).toBe('OK\n');
    }
    expect(await ready()).toBe(200);
  });

  test('/logging changes the level of one proxy, by POST', async () => {
    expect((await mesh.admin('reviews-v2', '/logging?level=debug')).status).toBe(405);
    expect((await mesh.admin('reviews-v2', '/logging?level=debug', 'POST')).body).toContain('proxy: debug');
    expect((await mesh.admin('reviews-v2', '/logging', 'POST')).body).toContain('proxy: debug');
    expect((await mesh.admin('reviews-v3', '/logging', 'POST')).body).toContain('proxy: info');
    const wrong = await mesh.admin('reviews-v2', '/logging?level=loud', 'POST');
    expect([wrong.status, wrong.body]).toEqual([400, expect.stringContaining('one of trace, debug')]);
  });

  test.each([
    ['/nothing', 404],
    ['/config_dump/', 404],
    ['/drain_listeners', 405],
    ['/quitquitquit', 405],
    ['/stats?filter=(', 400],
  ])('%s is answered with %i', async (where, status) => {
    expect((await mesh.admin('reviews-v2', where)).status).toBe(status);
  });

  test('/quitquitquit ends a proxy; it is started again, as its container would be', async () => {
    expect((await mesh.admin('reviews-v3', '/quitquitquit', 'POST')).body).toBe('OK\n');
    await until('it serves anew', async () => {
      const { status, body } = await mesh
        .admin('reviews-v3', '/stats?filter=http1_total|^server.live')
        .catch(() => ({ status: 0, body: '' }));
      return status === 200 && body.includes('server.live: 1') && !/http1_total: [1-9]/.test(body);
    });
    expect((await mesh.get('/api/v1/products/0/reviews')).status).toBe(200);
  });
});
