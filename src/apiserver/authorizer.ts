// Whether a user may: by one of the mesh's own roles, or by what Kubernetes' roles in the store allow.
import { kubernetesKinds } from '#api/kubernetes-kinds';
import type { Store } from '#store/store';
import { StoreError } from '#store/store-error';
import { allowedByRoles } from './rbac.ts';
import { type Access, forbiddenMessage, isForAll, mayAccess, type User } from './user.ts';

const rbacGroup = 'rbac.authorization.k8s.io';
const rbacKind = (name: string) => kubernetesKinds.find(({ group, kind }) => group === rbacGroup && kind === name)!;

export class Authorizer {
  constructor(private readonly store: Store) {}

  async allows(user: User, access: Access): Promise<boolean> {
    if (user.role !== undefined) return mayAccess(user, access);
    if (isForAll(access)) return true;
    const list = async (kind: string, namespace?: string) =>
      (await this.store.list(rbacKind(kind), namespace === undefined ? {} : { namespace })).items;
    const { namespace } = access;
    const [clusterRoles, clusterRoleBindings, roles, roleBindings] = await Promise.all([
      list('ClusterRole'),
      list('ClusterRoleBinding'),
      namespace === undefined ? [] : list('Role', namespace),
      namespace === undefined ? [] : list('RoleBinding', namespace),
    ]);
    return allowedByRoles(user, access, { clusterRoles, clusterRoleBindings, roles, roleBindings });
  }

  /** Throws StoreError FORBIDDEN, in Kubernetes' words. */
  async authorize(user: User, access: Access): Promise<void> {
    if (!(await this.allows(user, access))) throw new StoreError('FORBIDDEN', forbiddenMessage(user, access));
  }
}
