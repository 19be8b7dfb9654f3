// Deployments as local processes: more and fewer replicas, a new template, an image that nothing stands for.
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { parseAllDocuments, stringify } from 'yaml';
import { type Deployment, deploymentKind } from '#api/kinds/deployment';
import { bookinfo, isReady, useMesh } from './mesh-fixture.ts';
import { until } from './until.ts';

const mesh = useMesh();

/** A Deployment of the sample, changed. */
function deployment(name: string, change: (deployment: Deployment) => void): string {
  const documents = parseAllDocuments(readFileSync(path.join(bookinfo, 'bookinfo.yaml'), 'utf8')).map(
    (document) => document.toJS() as Deployment,
  );
  const found = documents.find(({ kind, metadata }) => kind === 'Deployment' && metadata.name === name)!;
  change(found);
  return stringify(found);
}

async function podsOf(workload: string) {
  return (await mesh.pods()).filter(({ metadata }) => metadata.name.startsWith(`${workload}-`));
}

/** Healthy endpoints of a service, as the proxy of productpage has them. */
async function endpointsOf(service: string): Promise<string[]> {
  const { body } = await mesh.admin('productpage-v1', '/clusters');
  const pattern = new RegExp(
    `^outbound\\|9080\\|\\|${service}\\.default\\.svc\\.cluster\\.local::([\\d.]+):9080::health_flags::healthy$`,
    'gm',
  );
  return [...body.matchAll(pattern)].map(([, address = '']) => address).sort();
}

describe('details', () => {
  test.each([3, 1])('scaled to %i under traffic: all take requests, none is lost', async (replicas) => {
    const { failures } = await mesh.during('/api/v1/products/0', async () => {
      await mesh.apply(deployment('details-v1', ({ spec }) => (spec.replicas = replicas)));
      await until('its pods are ready', async () => {
        const pods = await podsOf('details-v1');
        return (pods.length === replicas && pods.every(isReady)) || pods.map(({ metadata }) => metadata.name);
      });
      const addresses = (await podsOf('details-v1')).map(({ status }) => status?.podIP ?? '').sort();
      await until('the proxies know', async () => `${await endpointsOf('details')}` === `${addresses}` || endpointsOf('details'));
    });
    expect(failures).toEqual([]);
    const { status } = (await mesh.store.get(deploymentKind, 'default', 'details-v1')) as Deployment;
    expect(status).toMatchObject({ replicas, readyReplicas: replicas });
  });

  test('a new template under traffic: the old pod goes when the new one serves, no request is lost', async () => {
    const [before] = await podsOf('details-v1');
    const { failures } = await mesh.during('/api/v1/products/0', async () => {
      await mesh.apply(
        deployment('details-v1', ({ spec }) => {
          spec.template.spec.containers[0]!.image = 'registry.istio.io/release/examples-bookinfo-details-v1:9.9.9';
        }),
      );
      await until('the new pod alone is there', async () => {
        const pods = await podsOf('details-v1');
        return pods.length === 1 && pods[0]!.metadata.name !== before!.metadata.name && isReady(pods[0]!);
      });
      const [after] = await podsOf('details-v1');
      await until('the proxies know', async () => `${await endpointsOf('details')}` === after!.status?.podIP || endpointsOf('details'));
    });
    expect(failures).toEqual([]);
  });
});

test('an image that no command stands for: the pod says so, and says what to do', async () => {
  await mesh.apply(
    deployment('details-v1', ({ metadata, spec }) => {
      metadata.name = 'stranger';
      for (const labels of [spec.selector.matchLabels!, spec.template.metadata!.labels!]) labels['app'] = 'stranger';
      spec.template.spec.containers[0]!.image = 'example.com/stranger:1';
    }),
  );
  await until('its pod is there', async () => (await podsOf('stranger')).length === 1 && (await mesh.pod('stranger')).status !== undefined);
  const { status } = await mesh.pod('stranger');
  const message = expect.stringMatching(/^no local command stands for image example\.com\/stranger:1: .*--image-map.*lateen\.dev\/command/);
  expect(status?.containerStatuses?.[0]?.state).toEqual({ waiting: { reason: 'ImageNotMapped', message } });
  expect(status?.conditions).toContainEqual({ type: 'Ready', status: 'False', reason: 'ImageNotMapped', message });
  const { stdout } = await mesh.lateen(['get', 'pods']);
  expect(stdout).toMatch(/stranger-\S+ +0\/1 +ImageNotMapped /);
  expect((await mesh.lateen(['get', 'deployments'])).stdout).toMatch(/stranger +0\/1 /);
  await mesh.delete(deploymentKind, 'stranger');
  await until('its pod is gone', async () => (await podsOf('stranger')).length === 0);
});
