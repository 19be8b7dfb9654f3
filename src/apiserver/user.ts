// Who asks, and what they may: three roles, after Kubernetes' cluster roles of the same names. Pure.
import { createHash, timingSafeEqual } from 'node:crypto';

export type Role = 'admin' | 'edit' | 'view';
export const roles: readonly Role[] = ['admin', 'edit', 'view'];

export interface User {
  name: string;
  groups: readonly string[];
  role: Role;
}

/** Whoever comes over plain HTTP, which is served on this machine's loopback alone. */
export const localUser: User = { name: 'lateen:local', groups: ['system:masters'], role: 'admin' };

/** What a request is about, in Kubernetes' words. */
export interface Access {
  verb: string;
  group: string;
  /** Plural; undefined for paths that are no resources, such as discovery. */
  resource: string | undefined;
  subresource?: string | undefined;
  namespace?: string | undefined;
  name?: string | undefined;
}

const reading = ['get', 'list', 'watch'];
const rbacGroup = 'rbac.authorization.k8s.io';
/** Groups whose objects decide what others may, or what is served. */
const adminGroups = [rbacGroup, 'apiextensions.k8s.io', 'admissionregistration.k8s.io'];
/** To run something in a pod is more than to read it. */
const entering = ['exec', 'portforward', 'attach', 'proxy'];

/** Whether the user may; a refusal is said in Kubernetes' words. */
export function mayAccess({ role }: User, { verb, group, resource, subresource, namespace }: Access): boolean {
  if (role === 'admin' || resource === undefined) return true;
  // Anybody may ask what they may.
  if (group === 'authorization.k8s.io' || group === 'authentication.k8s.io') return true;
  const reads = reading.includes(verb) && !(subresource !== undefined && entering.includes(subresource));
  if (role === 'view') return reads && !(group === '' && resource === 'secrets') && group !== rbacGroup;
  return reads || (namespace !== undefined && !adminGroups.includes(group));
}

export function forbiddenMessage({ name }: User, { verb, group, resource, subresource, namespace, name: of }: Access): string {
  const what = subresource === undefined ? resource : `${resource}/${subresource}`;
  const subject =
    of === undefined ? `${withGroup(what ?? '', group)} is forbidden` : `${withGroup(what ?? '', group)} "${of}" is forbidden`;
  const where = namespace === undefined ? 'at the cluster scope' : `in the namespace "${namespace}"`;
  return `${subject}: User "${name}" cannot ${verb} resource "${what}" in API group "${group}" ${where}`;
}

/** `deployments.apps`, `pods` */
export const withGroup = (plural: string, group: string) => (group === '' ? plural : `${plural}.${group}`);

/** Finds users by their bearer tokens, in a time that says nothing of the tokens. */
export class TokenUsers {
  private readonly users: readonly { digest: Buffer; user: User }[];

  constructor(tokens: Readonly<Record<Role, string>>) {
    this.users = roles.map((role) => ({
      digest: digestOf(tokens[role]),
      user: { name: `lateen:${role}`, groups: [`lateen:${role}`, 'system:authenticated'], role },
    }));
  }

  /** Of `Bearer …`. */
  find(authorization: string | undefined): User | undefined {
    const [, token] = /^Bearer (\S+)$/i.exec(authorization ?? '') ?? [];
    if (token === undefined) return undefined;
    const digest = digestOf(token);
    return this.users.filter(({ digest: known }) => timingSafeEqual(known, digest)).at(0)?.user;
  }
}

const digestOf = (token: string) => createHash('sha256').update(token).digest();
