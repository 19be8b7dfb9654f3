// The cluster roles that Kubernetes has from the beginning, for what is served here: what people bind service accounts to. Pure but for the
// writing.
// https://kubernetes.io/docs/reference/access-authn-authz/rbac/#user-facing-roles
import type { ApiObject, Kind } from '#api/kind';
import { kubernetesKinds } from '#api/kubernetes-kinds';
import { applyObject } from '#store/apply';
import type { Store } from '#store/store';

const rbacGroup = 'rbac.authorization.k8s.io';
const clusterRoleKind = kubernetesKinds.find(({ group, kind }) => group === rbacGroup && kind === 'ClusterRole')!;
/** Who leaves it in place gets the rules of the next version. */
const autoUpdate = 'rbac.authorization.kubernetes.io/autoupdate';

const reading = ['get', 'list', 'watch'];
const writing = ['create', 'delete', 'deletecollection', 'patch', 'update'];
/** Groups whose objects decide what others may, or what is served. */
const adminGroups = [rbacGroup, 'apiextensions.k8s.io', 'admissionregistration.k8s.io'];
const entered = ['pods/attach', 'pods/exec', 'pods/portforward', 'pods/proxy'];

interface Rule {
  apiGroups?: string[];
  resources?: string[];
  nonResourceURLs?: string[];
  verbs: string[];
}

/** `kinds`: those that are served by themselves. */
export function defaultClusterRoles(kinds: readonly Kind[]): ApiObject[] {
  const groups = [...new Set(kinds.map(({ group }) => group))].filter((group) => !adminGroups.includes(group)).sort();
  const plurals = (group: string, holds: (kind: Kind) => boolean) =>
    kinds.filter((kind) => kind.group === group && holds(kind)).map(({ plural }) => plural);
  const view = groups.map((group) => ({
    apiGroups: [group],
    resources: withParts(
      group,
      plurals(group, ({ plural }) => plural !== 'secrets'),
    ),
    verbs: reading,
  }));
  const edit = [
    ...groups.map((group) => ({
      apiGroups: [group],
      resources: withParts(
        group,
        plurals(group, ({ namespaced }) => namespaced),
      ),
      verbs: writing,
    })),
    { apiGroups: [''], resources: ['secrets', ...entered], verbs: reading },
    { apiGroups: [''], resources: [...entered, 'pods/eviction', 'serviceaccounts/token'], verbs: ['create'] },
  ];
  const admin = { apiGroups: [rbacGroup], resources: ['roles', 'rolebindings'], verbs: [...reading, ...writing] };
  return [
    role('cluster-admin', [
      { apiGroups: ['*'], resources: ['*'], verbs: ['*'] },
      { nonResourceURLs: ['*'], verbs: ['*'] },
    ]),
    role('admin', [...view, ...edit, admin]),
    role('edit', [...view, ...edit]),
    role('view', view),
  ];
}

/** Writes those that are not there, or that nobody has taken over. */
export async function ensureClusterRoles(store: Store, kinds: readonly Kind[]): Promise<void> {
  for (const wanted of defaultClusterRoles(kinds)) {
    const stored = await store.get(clusterRoleKind, '', wanted.metadata.name);
    if (!stored || stored.metadata.annotations?.[autoUpdate] === 'true') await applyObject(store, clusterRoleKind, wanted);
  }
}

/** What belongs to objects goes with them. */
function withParts(group: string, plurals: readonly string[]): string[] {
  const scales = ['deployments', 'replicasets', 'statefulsets'].filter((plural) => group === 'apps' && plurals.includes(plural));
  return [
    ...plurals.flatMap((plural) => [plural, `${plural}/status`]),
    ...scales.map((plural) => `${plural}/scale`),
    ...(group === '' && plurals.includes('pods') ? ['pods/log'] : []),
  ].sort();
}

const role = (name: string, rules: readonly Rule[]) =>
  ({
    apiVersion: `${rbacGroup}/v1`,
    kind: 'ClusterRole',
    metadata: { name, labels: { 'kubernetes.io/bootstrapping': 'rbac-defaults' }, annotations: { [autoUpdate]: 'true' } },
    rules,
  }) as ApiObject;
