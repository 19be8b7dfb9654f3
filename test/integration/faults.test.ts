// Processes of the mesh killed while requests are made: what goes on, what comes back, what is lost.
import { expect, test } from 'vitest';
import { destinationRuleKind } from '#api/kinds/destination-rule';
import { virtualServiceKind } from '#api/kinds/virtual-service';
import { isReady, useMesh } from './mesh-fixture.ts';
import { descendantsOf, untilGone } from './process-tree.ts';
import { until } from './until.ts';

const mesh = useMesh();

const toVersion = (version: string) => `
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: reviews}
spec:
  host: reviews
  subsets: [{name: v1, labels: {version: v1}}, {name: v3, labels: {version: v3}}]
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: reviews}
spec:
  hosts: [reviews]
  http: [{route: [{destination: {host: reviews, subset: ${version}}}]}]
`;

function untilServedBy(version: string): Promise<void> {
  return until(`${version} serves`, async () => {
    for (let i = 0; i < 4; i++) {
      const { status, body } = await mesh.get('/api/v1/products/0/reviews');
      if (status !== 200 || !body.includes(`reviews-${version}-`)) return `${status} ${body.slice(0, 120)}`;
    }
    return true;
  });
}

test('the control plane killed under traffic: no request fails, the proxies resync, edits take effect', async () => {
  await mesh.apply(toVersion('v1'));
  await untilServedBy('v1');
  const { failures } = await mesh.during('/api/v1/products/0/reviews', async () => {
    const killed = mesh.processes.controlPlane!;
    process.kill(killed, 'SIGKILL');
    await until('another control plane runs', () => mesh.processes.controlPlane !== undefined && mesh.processes.controlPlane !== killed);
    // What is written while nobody reads is not lost.
    await mesh.apply(toVersion('v3'));
    await mesh.untilSynced();
    await untilServedBy('v3');
    await mesh.apply(toVersion('v1'));
    await untilServedBy('v1');
  });
  expect(failures).toEqual([]);
  const disconnects = JSON.parse((await mesh.admin('productpage-v1', '/server_info')).body) as { xds: object };
  expect(disconnects.xds).toEqual({ connected: true, disconnects: 1 });
  await mesh.delete(virtualServiceKind, 'reviews');
  await mesh.delete(destinationRuleKind, 'reviews');
});

test('a workload killed under traffic: it is restarted, and no request that may be retried is lost', async () => {
  const details = async () => (await mesh.pod('details-v1')).status?.containerStatuses?.[0];
  const { failures } = await mesh.during('/api/v1/products/0', async () => {
    const before = await mesh.programOf('details-v1');
    process.kill(before, 'SIGKILL');
    await until('it has been restarted', async () => (await details())?.restartCount === 1);
    await until('its pod is ready', async () => isReady(await mesh.pod('details-v1')));
    expect(await mesh.programOf('details-v1')).not.toBe(before);
  });
  expect(failures).toEqual([]);
});

test('one of three versions killed: the others answer in its place', async () => {
  const { failures } = await mesh.during('/api/v1/products/0/reviews', async () => {
    process.kill(await mesh.programOf('reviews-v2'), 'SIGKILL');
    await until('it has been restarted', async () => (await mesh.pod('reviews-v2')).status?.containerStatuses?.[0]?.restartCount === 1);
    await until('its pod is ready', async () => isReady(await mesh.pod('reviews-v2')));
  });
  expect(failures).toEqual([]);
});

test("the proxies' process replaced under traffic: no request fails, and edits reach the new one", async () => {
  const replaced = mesh.processes.proxies!;
  const incarnation = descendantsOf(process.pid).filter(({ pid }) => pid === replaced);
  const { failures } = await mesh.during('/api/v1/products/0/reviews', async () => {
    await mesh.restartProxies();
    expect(mesh.processes.proxies).not.toBe(replaced);
    await untilGone(incarnation);
    await mesh.untilSynced();
    await mesh.apply(toVersion('v1'));
    await untilServedBy('v1');
  });
  expect(failures).toEqual([]);
  await mesh.delete(virtualServiceKind, 'reviews');
  await mesh.delete(destinationRuleKind, 'reviews');
});

test("the proxies' process killed: it is restarted with every proxy, and serves again", async () => {
  const killed = mesh.processes.proxies!;
  process.kill(killed, 'SIGKILL');
  await until('another process runs', () => mesh.processes.proxies !== undefined && mesh.processes.proxies !== killed);
  await mesh.untilPage();
  await mesh.untilSynced();
  await mesh.apply(toVersion('v3'));
  await untilServedBy('v3');
});
