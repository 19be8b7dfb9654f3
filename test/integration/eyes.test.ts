// What the command line shows of a running mesh: its proxies, what they hold, and whether that is what they should hold.
import { beforeAll, describe, expect, test } from 'vitest';
import { virtualServiceKind } from '#api/kinds/virtual-service';
import { useMesh, whyNotBuilt } from './mesh-fixture.ts';
import { until } from './until.ts';

const mesh = useMesh();

const rules = `apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: reviews}
spec:
  host: reviews
  subsets: [{name: v1, labels: {version: v1}}, {name: v2, labels: {version: v2}}]
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: reviews}
spec:
  hosts: [reviews]
  http: [{match: [{headers: {end-user: {exact: jason}}}], route: [{destination: {host: reviews, subset: v2}}]}, {route: [{destination: {host: reviews, subset: v1}}]}]
`;

beforeAll(async () => {
  if (whyNotBuilt !== undefined) return;
  await mesh.apply(rules);
  await mesh.untilSynced();
});

async function shown(...args: string[]): Promise<string> {
  const { stdout, stderr, code } = await mesh.lateen(args);
  expect([stderr, code]).toEqual(['', 0]);
  return stdout;
}

describe('proxy-status', () => {
  test('of all', async () => {
    const [titles, ...rows] = (await shown('ps')).trimEnd().split('\n');
    expect(titles!.split(/ {3,}/)).toEqual(['NAME', 'CLUSTER', 'CDS', 'LDS', 'EDS', 'RDS', 'ECDS', 'CONTROL PLANE', 'VERSION']);
    expect(rows).toHaveLength(7);
    for (const row of rows) expect(row).toMatch(/ Kubernetes +SYNCED +SYNCED +SYNCED +SYNCED +NOT SENT +lateen +\d/);
  });

  test('of one: both have the same, and since when', async () => {
    const time = String.raw`\d{4}-\d\d-\d\dT[\d:.]+Z`;
    const expected = ['Clusters Match (CDS', 'Listeners Match (LDS', 'Routes Match (RDS', 'Endpoints Match (EDS'].map(
      (line) => `${line.replace('(', '\\(')} last loaded at ${time}\\)\n`,
    );
    for (const proxy of ['productpage-v1', 'istio-ingressgateway'])
      expect(await shown('ps', proxy)).toMatch(new RegExp(`^${expected.join('')}$`));
  });

  test('a dump that is not what it should be is shown with the difference', async () => {
    const { body } = await mesh.admin('productpage-v1', '/config_dump');
    const { stdout } = await mesh.lateen(['ps', 'productpage-v1', '-f', '-'], body.replace('"exact": "jason"', '"exact": "tom"'));
    expect(stdout).toContain("Routes Don't Match");
    expect(stdout).toMatch(/^- +"exact": "jason"\n\+ +"exact": "tom"$/m);
    expect(stdout).toContain('Clusters Match');
    expect(stdout).not.toContain('Endpoints');
    const all = (await mesh.admin('productpage-v1', '/config_dump?include_eds')).body;
    const lost = await mesh.lateen(['ps', 'productpage-v1', '-f', '-'], all.replaceAll('"port_value": 9080', '"port_value": 9081'));
    expect(lost.stdout).toMatch(/Endpoints Don't Match[\s\S]*^\+ +"127\.[\d.]+:9081"/m);
    const json = JSON.parse((await mesh.lateen(['ps', 'productpage-v1', '-f', '-', '-o', 'json'], body)).stdout) as {
      comparison: { match: boolean }[];
    };
    expect(json.comparison.map(({ match }) => match)).toEqual([true, true, true]);
  });

  test('one that is not connected', async () => {
    expect((await mesh.lateen(['ps', 'nobody'])).stderr).toContain('no proxy "nobody" is connected');
    const { debug } = mesh.addresses;
    const dump = (query: string) => fetch(`http://${debug.address}:${debug.port}/debug/config_dump${query}`);
    expect((await dump('')).status).toBe(400);
    expect((await dump('?proxyID=nobody')).status).toBe(404);
  });
});

describe('proxy-config', () => {
  test('of a running proxy', async () => {
    expect(await shown('pc', 'cluster', 'productpage-v1', '--subset', 'v2')).toMatch(
      /^reviews\.default\.svc\.cluster\.local +9080 +v2 +outbound +EDS +reviews\.default$/m,
    );
    expect(await shown('pc', 'listener', 'deploy/productpage-v1', '--port', '9080')).toMatch(
      /^0\.0\.0\.0 +9080 +ALL +Cluster: inbound\|9080\|\|$/m,
    );
    expect(await shown('pc', 'route', 'productpage-v1')).toMatch(/\/\* end-user=jason +reviews\.default$/m);
    const address = (await mesh.pod('reviews-v2')).status!.podIP!;
    expect(await shown('pc', 'ep', 'productpage-v1', '--address', address)).toContain(
      `${address}:9080   HEALTHY   OK              outbound|9080|v2|reviews.default.svc.cluster.local\n`,
    );
    const { name } = (await mesh.pod('productpage-v1')).metadata;
    expect(await shown('pc', 'bootstrap', `${name}.default`, '-o', 'yaml')).toContain('cluster: productpage.default');
  });

  test('log levels are read, set and reset', async () => {
    const levels = async (...args: string[]) => (await shown('pc', 'log', 'ratings-v1', ...args)).split('\n').slice(1, 3).join('\n');
    expect(await levels()).toBe('active loggers:\n  proxy: info');
    expect(await levels('--level', 'debug')).toBe('active loggers:\n  proxy: debug');
    expect(await levels('--level', 'proxy:error')).toBe('active loggers:\n  proxy: error');
    expect(await levels('--reset')).toBe('active loggers:\n  proxy: warn');
    const unknown = await mesh.lateen(['pc', 'log', 'ratings-v1', '--level', 'http2:debug']);
    expect([unknown.code, unknown.stderr]).toEqual([1, expect.stringContaining('400: logger http2 is not known')]);
  });
});

test('describe knows which proxies are connected, and what leads to a pod', async () => {
  const pod = await shown('describe', 'pod', 'reviews-v2');
  expect(pod).not.toContain('not part of the mesh');
  expect(pod).toContain('   Matching subsets: v2\n      Non-matching subsets: v1\n');
  expect(pod).toContain('   Route to reviews subset v2 for end-user=jason (standard input:');
  expect(await shown('x', 'describe', 'service', 'productpage')).toContain('Exposed on Gateway bookinfo-gateway: 80/HTTP for *\n');
});

test('findings are kept on the resources, and go when they are mended; neither is an edit to the proxies', async () => {
  const messages = async () => {
    const object = (await mesh.store.get(virtualServiceKind, 'default', 'ratings')) as
      | { status?: { validationMessages?: { level: string }[] } }
      | undefined;
    return object?.status?.validationMessages?.map(({ level }) => level);
  };
  const toHost = (host: string) =>
    mesh.apply(
      `apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {name: ratings}\nspec: {hosts: [ratings], http: [{route: [{destination: {host: ${host}}}]}]}\n`,
    );
  await toHost('nowhere');
  await mesh.untilSynced();
  const routes = async () =>
    (await mesh.admin('productpage-v1', '/config_dump?resource=dynamic_route_configs&mask=version_info,last_updated')).body;
  const before = await routes();
  await until('it is found', async () => (await messages())?.includes('ERROR') || (await messages()));
  expect(await routes()).toBe(before);
  await toHost('ratings');
  await until('it is forgotten', async () => (await messages()) === undefined || (await messages()));
  expect((await mesh.lateen(['apply', '-f', '-'], rules)).stdout).toMatch(/unchanged\n.*unchanged\n$/);
});

describe('wait', () => {
  test('until every proxy has it', async () => {
    expect(await shown('wait', 'vs', 'reviews.default')).toBe('VirtualService default/reviews is on 7 of 7 proxies\n');
    expect(
      await shown('x', 'wait', '--for=distribution', 'destinationrule', 'reviews', '--generation', '1', '--threshold', '0.5'),
    ).toContain('7 of 7');
  });

  test('until it is gone', async () => {
    expect(await shown('wait', '--for=delete', 'vs', 'never-was')).toBe('VirtualService default/never-was is gone from 7 of 7 proxies\n');
  });

  test('what never comes is said when the time is over', async () => {
    const { code, stderr } = await mesh.lateen(['wait', 'vs', 'reviews', '--generation', '99', '--timeout', '1ms']);
    expect([code, stderr]).toEqual([
      1,
      expect.stringMatching(
        /^timed out after 1ms: VirtualService default\/reviews is on 0 of 7 proxies\n {2}the control plane has not sent it/,
      ),
    ]);
    const late = await mesh.lateen(['wait', '--for=delete', 'vs', 'reviews', '--timeout', '1ms']);
    expect([late.code, late.stderr]).toEqual([1, expect.stringContaining('is gone from 0 of 7 proxies')]);
  });

  test('what is not there, and what is not understood', async () => {
    expect((await mesh.lateen(['wait', 'vs', 'absent'])).stderr).toMatch(
      /there is no virtualservice "absent" in namespace default\n.*lateen get virtualservices -A/,
    );
    expect((await mesh.lateen(['wait', 'vs', 'reviews', '--timeout', 'soon'])).code).toBe(2);
    expect((await mesh.lateen(['wait', 'vs', 'reviews', '--threshold', '2'])).code).toBe(2);
  });
});
