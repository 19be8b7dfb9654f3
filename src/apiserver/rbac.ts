// What Kubernetes' roles and their bindings allow those who have no role of this mesh's own: service accounts. Pure.
// https://kubernetes.io/docs/reference/access-authn-authz/rbac/
import type { ApiObject } from '#api/kind';
import type { Access, User } from './user.ts';

export interface RbacObjects {
  roles: readonly ApiObject[];
  clusterRoles: readonly ApiObject[];
  /** Those of the namespace that is asked about. */
  roleBindings: readonly ApiObject[];
  clusterRoleBindings: readonly ApiObject[];
}

interface Binding {
  roleRef?: { kind?: string; name?: string };
  subjects?: readonly { kind?: string; name?: string; namespace?: string }[];
}

interface Rule {
  verbs?: readonly string[];
  apiGroups?: readonly string[];
  resources?: readonly string[];
  resourceNames?: readonly string[];
}

export const serviceAccountUser = (namespace: string, name: string): User => ({
  name: `system:serviceaccount:${namespace}:${name}`,
  groups: ['system:serviceaccounts', `system:serviceaccounts:${namespace}`, 'system:authenticated'],
  role: undefined,
});

export function allowedByRoles(user: User, access: Access, objects: RbacObjects): boolean {
  const allows = (binding: ApiObject): boolean => {
    const { roleRef = {}, subjects = [] } = binding as Binding;
    if (!subjects.some((subject) => isSubject(user, subject))) return false;
    const among = roleRef.kind === 'Role' ? objects.roles : objects.clusterRoles;
    const role = among.find(({ metadata }) => metadata.name === roleRef.name);
    return ((role as { rules?: readonly Rule[] } | undefined)?.rules ?? []).some((rule) => covers(rule, access));
  };
  return objects.clusterRoleBindings.some(allows) || (access.namespace !== undefined && objects.roleBindings.some(allows));
}

function isSubject(user: User, { kind, name = '', namespace = '' }: NonNullable<Binding['subjects']>[number]): boolean {
  switch (kind) {
    case 'ServiceAccount':
      return user.name === `system:serviceaccount:${namespace}:${name}`;
    case 'Group':
      return user.groups.includes(name);
    default:
      return kind === 'User' && user.name === name;
  }
}

function covers({ verbs = [], apiGroups = [], resources = [], resourceNames = [] }: Rule, access: Access): boolean {
  const { verb, group, resource = '', subresource, name } = access;
  const has = (words: readonly string[], ...wanted: readonly string[]) =>
    words.includes('*') || wanted.some((word) => words.includes(word));
  const whole = subresource === undefined ? [resource] : [`${resource}/${subresource}`, `*/${subresource}`];
  return (
    has(verbs, verb) &&
    has(apiGroups, group) &&
    has(resources, ...whole) &&
    (resourceNames.length === 0 || (name !== undefined && resourceNames.includes(name)))
  );
}
