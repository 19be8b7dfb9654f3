import { describe, expect, test } from 'vitest';
import type { DaemonSet } from '#api/kinds/daemon-set';
import type { Deployment } from '#api/kinds/deployment';
import type { Pod } from '#api/kinds/pod';
import type { ReplicaSet } from '#api/kinds/replica-set';
import type { Service } from '#api/kinds/service';
import type { StatefulSet } from '#api/kinds/stateful-set';
import { planDeployment, revisionAnnotation } from '#host/deployment-plan';
import { planEndpointSlice, planEndpoints } from '#host/endpoint-plan';
import { expandVariables, ImageMap } from '#host/image-map';
import { ingressGateway } from '#host/ingress-gateway';
import { isInjected } from '#host/injection';
import { isReady, planDaemonSet, planReplicaSet, planStatefulSet } from '#host/pod-plan';
import { workloadNameOf } from '#host/proxy-bootstrap';
import { loadBalancerStatus, publishAnnotation, publishedPorts } from '#host/published-ports';

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

const now = '2026-01-01T00:00:00Z';

/** The ReplicaSet that a plan makes, with so many of its pods available. */
function replicaSet(of: Deployment, replicas: number, available: number, revision = 1): ReplicaSet {
  const { create } = planDeployment(of, [], now);
  return {
    ...create!,
    metadata: {
      ...create!.metadata,
      uid: `rs-${of.spec.template.spec.containers[0]?.image}`,
      annotations: { [revisionAnnotation]: `${revision}` },
    },
    spec: { ...create!.spec, replicas },
    status: { replicas, readyReplicas: available, availableReplicas: available },
  };
}

let serial = 0;
function pod(of: ReplicaSet | undefined, ready: boolean, name = `web-${++serial}`, labels: Record<string, string> = {}): Pod {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name,
      namespace: 'default',
      labels: { app: 'web', ...labels },
      creationTimestamp: `2026-01-01T00:00:0${serial % 10}Z`,
    },
    spec: of?.spec.template.spec ?? { containers: [{ name: 'c' }] },
    status: { podIP: '127.64.0.9', conditions: [{ type: 'Ready', status: ready ? 'True' : 'False' }] },
  };
}

describe('a Deployment', () => {
  const v1 = deployment(4);
  const v2 = deployment(4, 'a:2');
  const replicasOf = (plan: ReturnType<typeof planDeployment>) =>
    Object.fromEntries(
      [...(plan.create ? [plan.create] : []), ...plan.update].map(({ spec }) => [spec.template.spec.containers[0]?.image, spec.replicas]),
    );
  const withStrategy = (of: Deployment, strategy: object): Deployment => ({ ...of, spec: { ...of.spec, strategy } });

  test('makes a ReplicaSet of its template, of the first revision', () => {
    const { create, revision, status } = planDeployment(v1, [], now);
    expect(create).toMatchObject({
      metadata: { labels: { app: 'web' }, ownerReferences: [{ kind: 'Deployment', uid: 'd1', controller: true }] },
      spec: { replicas: 4, selector: { matchLabels: { app: 'web', 'pod-template-hash': expect.any(String) } } },
    });
    expect(revision).toBe('1');
    expect(status).toMatchObject({ replicas: 0, unavailableReplicas: 4, observedGeneration: 3 });
  });

  const rolls: readonly (readonly [what: string, Deployment, sets: ReplicaSet[], replicas: object])[] = [
    ['a new template comes with the surge, and one old pod may go', v2, [replicaSet(v1, 4, 4)], { 'a:1': 3, 'a:2': 1 }],
    ['nothing more goes before the new ones are available', v2, [replicaSet(v1, 3, 3), replicaSet(v2, 1, 0, 2)], { 'a:2': 2 }],
    ['as they come, the old ones go', v2, [replicaSet(v1, 3, 3), replicaSet(v2, 2, 2, 2)], { 'a:1': 1 }],
    ['old pods that serve nobody go first', v2, [replicaSet(v1, 4, 2), replicaSet(v2, 1, 0, 2)], { 'a:1': 2 }],
    ['at the end the old ones are none', v2, [replicaSet(v1, 1, 1), replicaSet(v2, 4, 4, 2)], { 'a:1': 0 }],
    ['back to a template of the history', v1, [replicaSet(v1, 0, 0), replicaSet(v2, 4, 4, 2)], { 'a:1': 1, 'a:2': 3 }],
    ['Recreate ends all', withStrategy(v2, { type: 'Recreate' }), [replicaSet(v1, 4, 4)], { 'a:1': 0, 'a:2': 0 }],
    ['Recreate, then makes all', withStrategy(v2, { type: 'Recreate' }), [replicaSet(v1, 0, 0)], { 'a:2': 4 }],
    [
      'no surge: pods go first',
      withStrategy(v2, { rollingUpdate: { maxSurge: 0, maxUnavailable: 1 } }),
      [replicaSet(v1, 4, 4)],
      { 'a:1': 3, 'a:2': 0 },
    ],
    ['paused, nothing new comes', { ...v2, spec: { ...v2.spec, paused: true } }, [replicaSet(v1, 4, 4)], {}],
    ['paused, it still scales', { ...v1, spec: { ...v1.spec, replicas: 6, paused: true } }, [replicaSet(v1, 4, 4)], { 'a:1': 6 }],
    ['where all is well nothing changes', v1, [replicaSet(v1, 4, 4)], {}],
  ];
  test.each(rolls)('%s', (_, wanted, sets, replicas) => {
    expect(replicasOf(planDeployment(wanted, sets, now))).toEqual(replicas);
  });

  test('gives what is rolled back to the newest revision, and forgets what is older than its limit', () => {
    const plan = planDeployment(
      { ...v1, spec: { ...v1.spec, revisionHistoryLimit: 0 } },
      [replicaSet(v1, 0, 0, 1), replicaSet(v2, 0, 0, 2)],
      now,
    );
    expect(plan.revision).toBe('3');
    expect(plan.delete.map(({ spec }) => spec.template.spec.containers[0]?.image)).toEqual(['a:2']);
  });

  test('says when it is available and complete, and keeps the time of what has not changed', () => {
    const { status } = planDeployment(v1, [replicaSet(v1, 4, 4)], now);
    expect(status.conditions).toMatchObject([
      { type: 'Available', status: 'True', lastTransitionTime: now },
      { type: 'Progressing', reason: 'NewReplicaSetAvailable' },
    ]);
    const later = planDeployment({ ...v1, status }, [replicaSet(v1, 4, 2)], '2026-02-01T00:00:00Z').status;
    expect(later.conditions).toMatchObject([
      { type: 'Available', status: 'False', lastTransitionTime: '2026-02-01T00:00:00Z' },
      { lastTransitionTime: now },
    ]);
  });
});

describe('the sets', () => {
  const set = replicaSet(deployment(1), 1, 1);

  test('a ReplicaSet makes what is missing, and ends the unready first', () => {
    const unready = pod(set, false);
    expect(planReplicaSet({ ...set, spec: { ...set.spec, replicas: 2 } }, [unready], () => 'abcde').create).toMatchObject([
      { metadata: { name: `${set.metadata.name}-abcde`, ownerReferences: [{ kind: 'ReplicaSet', uid: set.metadata.uid }] } },
    ]);
    expect(planReplicaSet(set, [pod(set, true), unready], () => 'x')).toMatchObject({
      create: [],
      delete: [unready],
      status: { readyReplicas: 1 },
    });
    const done = { ...pod(set, false), status: { phase: 'Failed' } };
    expect(planReplicaSet(set, [done], () => 'x').create).toHaveLength(1);
  });

  test('a StatefulSet goes by number: one after the other, and replaces the last first', () => {
    const { apiVersion, metadata, spec } = deployment(2);
    const stateful = { apiVersion, kind: 'StatefulSet', metadata: { ...metadata, name: 'db' }, spec } as StatefulSet;
    const [first] = planStatefulSet(stateful, []).create;
    expect(first?.metadata.name).toBe('db-0');
    const labels = first?.metadata.labels ?? {};
    expect(planStatefulSet(stateful, [pod(undefined, false, 'db-0', labels)]).create).toEqual([]);
    const one = pod(undefined, true, 'db-0', labels);
    expect(planStatefulSet(stateful, [one]).create.map(({ metadata: { name } }) => name)).toEqual(['db-1']);
    const old = pod(undefined, true, 'db-1', { 'controller-revision-hash': 'old' });
    expect(
      planStatefulSet(stateful, [one, old, pod(undefined, true, 'db-2', labels)]).delete.map(({ metadata: { name } }) => name),
    ).toEqual(['db-2']);
    expect(planStatefulSet(stateful, [one, old]).delete).toEqual([old]);
  });

  test('a StatefulSet ends its last pod first, one at a time, and leaves what is below the partition as it is', () => {
    const { apiVersion, metadata, spec } = deployment(1);
    const stateful = (more: object = {}) => ({ apiVersion, kind: 'StatefulSet', metadata, spec: { ...spec, ...more } }) as StatefulSet;
    const [{ metadata: first }] = planStatefulSet(stateful(), []).create as [Pod];
    const name = (i: number) => `${metadata.name}-${i}`;
    const of = (i: number, labels = first.labels ?? {}) => pod(undefined, true, name(i), labels);
    const ended = (set: StatefulSet, pods: Pod[]) => planStatefulSet(set, pods).delete.map((each) => each.metadata.name);
    expect(ended(stateful(), [of(0), of(2), of(10)])).toEqual([name(10)]);
    const going = { ...of(10), metadata: { ...of(10).metadata, deletionTimestamp: now } };
    expect(ended(stateful(), [of(0), of(2), going])).toEqual([]);
    expect(ended(stateful({ podManagementPolicy: 'Parallel' }), [of(0), of(2), of(10)])).toEqual([name(10), name(2)]);
    const old = [0, 1, 2].map((i) => of(i, { 'controller-revision-hash': 'old' }));
    expect(ended(stateful({ replicas: 3, updateStrategy: { rollingUpdate: { partition: 2 } } }), old)).toEqual([name(2)]);
    expect(ended(stateful({ replicas: 3, updateStrategy: { rollingUpdate: { partition: 3 } } }), old)).toEqual([]);
    expect(ended(stateful({ replicas: 3, updateStrategy: { type: 'OnDelete' } }), old)).toEqual([]);
  });

  test('a DaemonSet has one pod, of its newest template', () => {
    const { apiVersion, metadata, spec } = deployment(1);
    const daemon = { apiVersion, kind: 'DaemonSet', metadata, spec: { selector: spec.selector, template: spec.template } } as DaemonSet;
    const [made] = planDaemonSet(daemon, [], () => 'x').create;
    const current = pod(undefined, true, 'a', made?.metadata.labels);
    expect(planDaemonSet(daemon, [current], () => 'x')).toMatchObject({ create: [], delete: [], status: { numberReady: 1 } });
    const old = pod(undefined, true, 'b');
    expect(planDaemonSet(daemon, [old], () => 'x')).toMatchObject({ create: [], delete: [old] });
  });
});

const service = (selector: Record<string, string> | undefined): Service => ({
  apiVersion: 'v1',
  kind: 'Service',
  metadata: { name: 'web', namespace: 'default' },
  spec: { ...(selector ? { selector } : {}), ports: [{ name: 'http', port: 80, targetPort: 'named' }] },
});

describe('an EndpointSlice', () => {
  const ready = pod(undefined, true);
  ready.spec = { containers: [{ name: 'c', ports: [{ name: 'named', containerPort: 9080 }] }] };

  test('has the pods that the Service selects, their readiness, and the port that they name', () => {
    const other = { ...pod(undefined, true), metadata: { name: 'x', namespace: 'default', labels: { app: 'other' } } };
    const slice = planEndpointSlice(service({ app: 'web' }), [ready, pod(undefined, false), other]);
    expect(slice?.endpoints.map(({ conditions }) => conditions?.ready)).toEqual([true, false]);
    expect(slice?.ports).toEqual([{ name: 'http', port: 9080, protocol: 'TCP' }]);
  });

  test('is told in the older form as well: ready, and not ready', () => {
    const selected = [ready, pod(undefined, false)];
    const { subsets, metadata } = planEndpoints(planEndpointSlice(service({ app: 'web' }), selected)!);
    expect(subsets).toMatchObject([
      {
        addresses: [{ ip: ready.status?.podIP, targetRef: { kind: 'Pod', name: ready.metadata.name } }],
        notReadyAddresses: [{ ip: expect.any(String) }],
        ports: [{ name: 'http', port: 9080, protocol: 'TCP' }],
      },
    ]);
    expect(metadata).toMatchObject({ name: 'web', ownerReferences: [{ kind: 'Service' }] });
    expect(planEndpoints(planEndpointSlice(service({ app: 'web' }), [])!).subsets).toEqual([]);
  });

  test('is not made for a Service without selector', () => {
    expect(planEndpointSlice(service(undefined), [])).toBeUndefined();
  });
});

test('readiness is the condition Ready', () => {
  expect(isReady(pod(undefined, true))).toBe(true);
  expect(isReady({ ...pod(undefined, true), status: {} })).toBe(false);
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

const publishing = (text: string) => ({ kind: 'Service', metadata: { annotations: { [publishAnnotation]: text } } }) as unknown as Service;

test('publishing: what is of the form is taken, the rest left out', () => {
  expect(publishedPorts(publishing('80=127.0.0.1:8080, nonsense,443=127.0.0.1:0'))).toEqual([
    { port: 80, at: { address: '127.0.0.1', port: 8080 } },
    { port: 443, at: { address: '127.0.0.1', port: 0 } },
  ]);
});

test('a gateway’s Service says where this machine publishes it; one that is not published waits for somebody who does', () => {
  const at = (port: number) => ({ address: '127.0.0.1', port });
  const [made] = ingressGateway({ http: at(8080), https: at(0) }) as [Service];
  expect(loadBalancerStatus(made)).toEqual({ loadBalancer: { ingress: [{ ip: '127.0.0.1' }] } });
  expect(made.spec.ports?.flatMap(({ port, nodePort }) => (nodePort ? [[port, nodePort]] : []))).toEqual([[80, 8080]]);
  expect(loadBalancerStatus({ ...made, metadata: { name: 'own' } })).toBeUndefined();
  expect(loadBalancerStatus({ ...made, spec: { ...made.spec, type: 'ClusterIP' } })).toBeUndefined();
});

test('a pod is in the mesh unless it asks not to be', () => {
  const base = pod(undefined, true);
  expect(isInjected(base)).toBe(true);
  expect(isInjected({ ...base, metadata: { ...base.metadata, labels: { 'sidecar.istio.io/inject': 'false' } } })).toBe(false);
});

test('a workload is named by its Deployment', () => {
  const [made] = planReplicaSet(replicaSet(deployment(1), 1, 0), [], () => 'abcde').create;
  expect(made && workloadNameOf(made)).toBe('web');
});
