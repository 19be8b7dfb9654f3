// Proxies whose ports are shared by two processes: both serve, their counters add up, and an edit that is acknowledged serves in both.
import { expect, test } from 'vitest';
import { virtualServiceKind } from '#api/kinds/virtual-service';
import { useMesh } from './mesh-fixture.ts';
import { descendantsOf, type Incarnation } from './process-tree.ts';
import { whileStopped } from './stopped-process.ts';
import { until } from './until.ts';

const mesh = useMesh({ concurrency: 2 });
/** Answered by the gateway itself. */
const nowhere = '/nowhere';

const isWorker = ({ command }: Incarnation) => command.includes('proxy-worker.js');

function worker(): Incarnation {
  const found = descendantsOf(process.pid).filter(isWorker);
  if (found.length !== 1) throw new Error(`${found.length} worker processes`);
  return found[0]!;
}

async function counted(name: string): Promise<number> {
  const { body } = await mesh.admin('istio-ingressgateway', `/stats?filter=${name}$`);
  return body
    .split('\n')
    .map((line) => Number(line.split(': ')[1] ?? 0))
    .reduce((sum, each) => sum + each, 0);
}

/** Each on a connection of its own. */
async function ask(times: number, where: string): Promise<number[]> {
  const statuses: number[] = [];
  for (let i = 0; i < times; i++) statuses.push((await mesh.get(where)).status);
  return statuses;
}

const all = (times: number, status: number) => Array.from({ length: times }, () => status);

test('each of the two serves while the other stands still, and what they count is added up', async () => {
  const before = await counted('downstream_rq_total');
  expect(await whileStopped(worker().pid, () => ask(10, nowhere))).toEqual(all(10, 404));
  expect(await whileStopped(mesh.processes.proxies!, () => ask(10, nowhere))).toEqual(all(10, 404));
  expect(await counted('downstream_rq_total')).toBe(before + 20);
  expect(await counted('server.concurrency')).toBe(2);
  const metrics = (await mesh.admin('istio-ingressgateway', '/stats/prometheus')).body;
  const [, requests] = /^istio_requests_total\{[^}]*response_code="404"[^}]*\} (\d+)$/m.exec(metrics) ?? [];
  expect(Number(requests)).toBeGreaterThanOrEqual(20);
});

test('an edit that the proxy has acknowledged serves in both', async () => {
  await mesh.apply(`
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: teapot}
spec:
  hosts: ["*"]
  gateways: [bookinfo-gateway]
  http: [{match: [{uri: {exact: /teapot}}], directResponse: {status: 418}}]
`);
  await mesh.untilSynced();
  await until('it serves', async () => (await mesh.get('/teapot')).status === 418);
  expect(await whileStopped(worker().pid, () => ask(5, '/teapot'))).toEqual(all(5, 418));
  expect(await whileStopped(mesh.processes.proxies!, () => ask(5, '/teapot'))).toEqual(all(5, 418));
  await mesh.delete(virtualServiceKind, 'teapot');
});

test('a worker that is killed comes back with everything, and nobody is refused meanwhile', async () => {
  const killed = worker();
  process.kill(killed.pid, 'SIGKILL');
  expect(await ask(10, nowhere)).toEqual(all(10, 404));
  await until('another one runs', () => descendantsOf(process.pid).some((each) => isWorker(each) && each.pid !== killed.pid));
  await until('it serves', () =>
    whileStopped(mesh.processes.proxies!, async () => (await mesh.ask(nowhere, { msMax: 200 })).status === 404),
  );
});

test('both are replaced under traffic: no request fails', async () => {
  const former = worker();
  const { failures } = await mesh.during('/api/v1/products/0/reviews', async () => {
    await mesh.restartProxies();
    await mesh.untilSynced();
  });
  expect(failures).toEqual([]);
  await until('the former worker has ended', () => descendantsOf(process.pid).every(({ pid }) => pid !== former.pid));
  expect(worker().pid).not.toBe(former.pid);
  expect(await whileStopped(mesh.processes.proxies!, () => ask(5, nowhere))).toEqual(all(5, 404));
});
