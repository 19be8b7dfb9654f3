// A Pod on its way into the store: its service account, and the volume by which its programs find the API.
import { expect, test } from 'vitest';
import type { ApiObject } from '#api/kind';
import type { Pod } from '#api/kinds/pod';
import { accountDirectory, withApiAccess } from '#host/api-access';
import type { StoreView } from '#store/memory-store';

const pod = (spec: object = {}, metadata: object = {}) =>
  ({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'p', namespace: 'shop', ...metadata },
    spec: { containers: [{ name: 'c' }], ...spec },
  }) as ApiObject;
const view = (account?: object) =>
  ({
    get: (_: unknown, namespace: string, name: string) => (`${namespace}/${name}` === 'shop/robot' ? account : undefined),
  }) as unknown as StoreView;
const admitted = (object: ApiObject, account?: object) => withApiAccess(object, view(account)) as Pod;
const mountsOf = ({ spec }: Pod) => spec.containers[0]!.volumeMounts?.map(({ name, mountPath }) => [name, mountPath]) ?? [];

test.each<[string, ApiObject, object | undefined, string, boolean]>([
  ['a pod that says nothing', pod(), undefined, 'default', true],
  ['one that names its account', pod({ serviceAccountName: 'robot' }), {}, 'robot', true],
  ['one that does not want it', pod({ automountServiceAccountToken: false }), undefined, 'default', false],
  ['one whose account does not', pod({ serviceAccountName: 'robot' }), { automountServiceAccountToken: false }, 'robot', false],
  [
    'one that does, against its account',
    pod({ serviceAccountName: 'robot', automountServiceAccountToken: true }),
    { automountServiceAccountToken: false },
    'robot',
    true,
  ],
  ['a gateway, which has no programs', pod({}, { annotations: { 'inject.istio.io/templates': 'gateway' } }), undefined, 'default', false],
])('%s', (_, object, account, name, mounted) => {
  const found = admitted(object, account);
  expect(found.spec.serviceAccountName).toBe(name);
  expect(mountsOf(found)).toEqual(mounted ? [['kube-api-access', accountDirectory]] : []);
  expect(found.spec.volumes?.map((volume) => volume.name) ?? []).toEqual(mounted ? ['kube-api-access'] : []);
});

test('a container that has something there keeps it; admitted again, a pod is the same', () => {
  const own = { name: 'own', mountPath: accountDirectory };
  const found = admitted(pod({ containers: [{ name: 'c', volumeMounts: [own] }], volumes: [{ name: 'own', emptyDir: {} }] }));
  expect(mountsOf(found)).toEqual([['own', accountDirectory]]);
  expect(admitted(found as ApiObject)).toEqual(found);
});

test('what is no pod stays as it is', () => {
  const service = { apiVersion: 'v1', kind: 'Service', metadata: { name: 's' } } as ApiObject;
  expect(withApiAccess(service, view())).toBe(service);
});
