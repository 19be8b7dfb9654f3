import { describe, expect, test } from 'vitest';
import type { Deployment } from '#api/kinds/deployment';
import type { Pod } from '#api/kinds/pod';
import type { Service } from '#api/kinds/service';
import { isReady, planDeployment, templateHash, templateHashLabel } from '#host/deployment-plan';
import { planEndpointSlice } from '#host/endpoint-plan';
import { expandVariables, ImageMap } from '#host/image-map';
import { parsePublish } from '#host/ingress-gateway';
import { isInjected, workloadNameOf } from '#host/proxy-bootstrap';

const deployment = (replicas: number, image = 'a:1'): Deployment => ({
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: { name: 'web', namespace: 'default', uid: 'd1', generation: 3 },
  spec: {
    replicas,
    selector: { matchLabels: { app: 'web' } },
    template: { metadata: { labels: { app: 'web' } }, spec: { containers: [{ name: 'c', image }] } },
  },
});

let serial = 0;
function pod(of: Deployment, ready: boolean, name = `web-${++serial}`): Pod {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name,
      namespace: 'default',
      labels: { app: 'web', [templateHashLabel]: templateHash(of) },
      creationTimestamp: `2026-01-01T00:00:0${serial % 10}Z`,
    },
    spec: of.spec.template.spec,
    status: { podIP: '127.64.0.9', conditions: [{ type: 'Ready', status: ready ? 'True' : 'False' }] },
  };
}

describe('a Deployment', () => {
  test('makes what is missing, with the template and an owner', () => {
    const plan = planDeployment(deployment(2), [], () => 'abcde');
    expect(plan.create).toHaveLength(2);
    expect(plan.create[0]?.metadata).toMatchObject({ labels: { app: 'web' }, ownerReferences: [{ kind: 'Deployment', uid: 'd1' }] });
    expect(plan.status).toMatchObject({ replicas: 0, unavailableReplicas: 2, observedGeneration: 3 });
  });

  test('ends the unready first when there are too many', () => {
    const unready = pod(deployment(1), false);
    const plan = planDeployment(deployment(1), [pod(deployment(1), true), unready], () => 'abcde');
    expect(plan).toMatchObject({ create: [], delete: [unready.metadata.name] });
  });

  test('rolls: old pods stay until as many new ones are ready', () => {
    const old = [pod(deployment(2), true), pod(deployment(2), true)];
    const changed = deployment(2, 'a:2');
    expect(planDeployment(changed, old, () => 'x')).toMatchObject({ create: [{}, {}], delete: [] });
    const halfway = [...old, pod(changed, true), pod(changed, false)];
    expect(planDeployment(changed, halfway, () => 'x').delete).toHaveLength(1);
    const done = [...old, pod(changed, true), pod(changed, true)];
    expect(planDeployment(changed, done, () => 'x').delete.sort()).toEqual(old.map(({ metadata }) => metadata.name).sort());
  });
});

const service = (selector: Record<string, string> | undefined): Service => ({
  apiVersion: 'v1',
  kind: 'Service',
  metadata: { name: 'web', namespace: 'default' },
  spec: { ...(selector ? { selector } : {}), ports: [{ name: 'http', port: 80, targetPort: 'named' }] },
});

describe('an EndpointSlice', () => {
  test('has the pods that the Service selects, their readiness, and the port that they name', () => {
    const ready = pod(deployment(1), true);
    ready.spec = { containers: [{ name: 'c', ports: [{ name: 'named', containerPort: 9080 }] }] };
    const other = { ...pod(deployment(1), true), metadata: { name: 'x', namespace: 'default', labels: { app: 'other' } } };
    const slice = planEndpointSlice(service({ app: 'web' }), [ready, pod(deployment(1), false), other]);
    expect(slice?.endpoints.map(({ conditions }) => conditions?.ready)).toEqual([true, false]);
    expect(slice?.ports).toEqual([{ name: 'http', port: 9080, protocol: 'TCP' }]);
  });

  test('is not made for a Service without selector', () => {
    expect(planEndpointSlice(service(undefined), [])).toBeUndefined();
  });
});

test('readiness is the condition Ready', () => {
  expect(isReady(pod(deployment(1), true))).toBe(true);
  expect(isReady({ ...pod(deployment(1), true), status: {} })).toBe(false);
});

test.each([
  ['docker.io/istio/examples-bookinfo-details-v1:1.20.3', 'details'],
  ['registry.istio.io/release/examples-bookinfo-details-v1@sha256:0a', 'details'],
  ['localhost:5000/examples-bookinfo-details-v1', 'details'],
  ['examples-bookinfo-detailsX', undefined],
  ['full/name:2', 'full'],
  ['full/name:1', undefined],
])('the command of image %s is of %s', (image, expected) => {
  const images = new ImageMap([
    { image: 'examples-bookinfo-details-*', command: ['details'] },
    { image: 'full/name:2', command: ['full'] },
  ]);
  expect(images.find(image)?.command[0]).toBe(expected);
});

test.each([
  ['$(A)/$(B)', '1/$(B)'],
  ['$$(A)', '$(A)'],
  ['plain', 'plain'],
])('variables in %s', (text, expected) => {
  expect(expandVariables(text, { A: '1' })).toBe(expected);
});

test('publishing: what is of the form is taken, the rest left out', () => {
  expect(parsePublish('80=127.0.0.1:8080, nonsense,443=127.0.0.1:0')).toEqual([
    { port: 80, at: { address: '127.0.0.1', port: 8080 } },
    { port: 443, at: { address: '127.0.0.1', port: 0 } },
  ]);
});

test('a pod is in the mesh unless it asks not to be', () => {
  const base = pod(deployment(1), true);
  expect(isInjected(base)).toBe(true);
  expect(isInjected({ ...base, metadata: { ...base.metadata, labels: { 'sidecar.istio.io/inject': 'false' } } })).toBe(false);
});

test('a workload is named by its Deployment', () => {
  const [made] = planDeployment(deployment(1), [], () => 'abcde').create;
  expect(made && workloadNameOf(made)).toBe('web');
});
