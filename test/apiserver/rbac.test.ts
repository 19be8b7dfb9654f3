// What Kubernetes' roles allow a service account: bindings, rules, and the cluster roles that are there from the beginning.
import { expect, test } from 'vitest';
import type { ApiObject } from '#api/kind';
import { KindCatalog } from '#api/kind-catalog';
import { defaultClusterRoles } from '#apiserver/cluster-roles';
import { allowedByRoles, serviceAccountUser } from '#apiserver/rbac';
import type { Access } from '#apiserver/user';

const user = serviceAccountUser('shop', 'robot');
const robot = { kind: 'ServiceAccount', name: 'robot', namespace: 'shop' };
const binding = (kind: string, name: string, subject: object = robot) =>
  ({ kind: 'Binding', metadata: { name: 'b' }, roleRef: { kind, name }, subjects: [subject] }) as unknown as ApiObject;
const role = (rule: object) => ({ kind: 'Role', metadata: { name: 'own' }, rules: [rule] }) as unknown as ApiObject;
const access = (fields: Partial<Access> = {}): Access => ({ verb: 'get', group: '', resource: 'pods', namespace: 'shop', ...fields });
const pods = { apiGroups: [''], resources: ['pods'], verbs: ['get', 'list'] };

const asked = (binds: ApiObject | undefined, rule: object | undefined, wanted: Access, cluster = false) =>
  allowedByRoles(user, wanted, {
    roles: rule ? [role(rule)] : [],
    clusterRoles: rule ? [role(rule)] : defaultClusterRoles(new KindCatalog().kinds),
    roleBindings: binds && !cluster ? [binds] : [],
    clusterRoleBindings: binds && cluster ? [binds] : [],
  });

test.each<[string, boolean, ApiObject | undefined, object | undefined, Access]>([
  ['nothing is bound', false, undefined, pods, access()],
  ['a role', true, binding('Role', 'own'), pods, access()],
  ['a cluster role, in the namespace', true, binding('ClusterRole', 'own'), pods, access()],
  ['another verb', false, binding('Role', 'own'), pods, access({ verb: 'delete' })],
  ['another resource', false, binding('Role', 'own'), pods, access({ resource: 'secrets' })],
  ['another group', false, binding('Role', 'own'), pods, access({ group: 'apps' })],
  ['a subresource is not its resource', false, binding('Role', 'own'), pods, access({ subresource: 'log' })],
  ['a subresource', true, binding('Role', 'own'), { ...pods, resources: ['pods/log'] }, access({ subresource: 'log' })],
  [
    'everything',
    true,
    binding('Role', 'own'),
    { apiGroups: ['*'], resources: ['*'], verbs: ['*'] },
    access({ group: 'apps', verb: 'watch' }),
  ],
  ['one by its name', true, binding('Role', 'own'), { ...pods, resourceNames: ['a'] }, access({ name: 'a' })],
  ['another by its name', false, binding('Role', 'own'), { ...pods, resourceNames: ['a'] }, access({ name: 'b' })],
  ['all, where one is named', false, binding('Role', 'own'), { ...pods, resourceNames: ['a'] }, access({ verb: 'list' })],
  ['somebody else is bound', false, binding('Role', 'own', { ...robot, name: 'other' }), pods, access()],
  ['its namesake of another namespace is', false, binding('Role', 'own', { ...robot, namespace: 'other' }), pods, access()],
  ['all accounts of the namespace', true, binding('Role', 'own', { kind: 'Group', name: 'system:serviceaccounts:shop' }), pods, access()],
  ['by its full name', true, binding('Role', 'own', { kind: 'User', name: 'system:serviceaccount:shop:robot' }), pods, access()],
  ['a role that is not there', false, binding('Role', 'gone'), undefined, access()],
  ['view', true, binding('ClusterRole', 'view'), undefined, access()],
  ['view, of secrets', false, binding('ClusterRole', 'view'), undefined, access({ resource: 'secrets' })],
  ['view, of logs', true, binding('ClusterRole', 'view'), undefined, access({ subresource: 'log' })],
  ['view, into a pod', false, binding('ClusterRole', 'view'), undefined, access({ subresource: 'exec', verb: 'create' })],
  ['view, of Istio’s', true, binding('ClusterRole', 'view'), undefined, access({ group: 'networking.istio.io', resource: 'gateways' })],
  ['edit, into a pod', true, binding('ClusterRole', 'edit'), undefined, access({ subresource: 'exec', verb: 'create' })],
  ['edit, of secrets', true, binding('ClusterRole', 'edit'), undefined, access({ resource: 'secrets' })],
  [
    'edit, of a scale',
    true,
    binding('ClusterRole', 'edit'),
    undefined,
    access({ group: 'apps', resource: 'deployments', subresource: 'scale', verb: 'patch' }),
  ],
  ['admin, of roles', true, binding('ClusterRole', 'admin'), undefined, access({ group: 'rbac.authorization.k8s.io', resource: 'roles' })],
  ['edit', true, binding('ClusterRole', 'edit'), undefined, access({ verb: 'delete' })],
  [
    'edit, of roles',
    false,
    binding('ClusterRole', 'edit'),
    undefined,
    access({ group: 'rbac.authorization.k8s.io', resource: 'roles', verb: 'create' }),
  ],
])('%s: %s', (_, allowed, binds, rule, wanted) => {
  expect(asked(binds, rule, wanted)).toBe(allowed);
});

test('what is bound in a namespace holds there alone; what is bound in the cluster, everywhere', () => {
  const nodes = access({ resource: 'nodes', namespace: undefined });
  expect(asked(binding('ClusterRole', 'cluster-admin'), undefined, nodes)).toBe(false);
  expect(asked(binding('ClusterRole', 'cluster-admin'), undefined, nodes, true)).toBe(true);
});
