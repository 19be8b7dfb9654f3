// Who asks, and what they may: three roles, after Kubernetes' cluster roles of the same names. Pure.
import { createHash, timingSafeEqual } from 'node:crypto';

export type Role = 'admin' | 'edit' | 'view';
export const roles: readonly Role[] = ['admin', 'edit', 'view'];

export interface User {
  name: string;
  groups: readonly string[];
  /** Undefined: what Kubernetes' roles allow (rbac.ts). */
  role: Role | undefined;
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

/** Discovery, and what one may and who one is: anybody may ask. */
export const isForAll = ({ group, resource }: Access): boolean =>
  resource === undefined || group === 'authorization.k8s.io' || group === 'authentication.k8s.io';

/** Whether a user of that role may. */
export function mayAccess({ role }: User, access: Access): boolean {
  const { verb, group, resource, subresource, namespace } = access;
  if (role === 'admin' || isForAll(access)) return true;
  const reads = reading.includes(verb) && !(subresource !== undefined && entering.includes(subresource));
  if (role === 'view') return reads && !(group === '' && resource === 'secrets') && group !== rbacGroup;
  return role === 'edit' && (reads || (namespace !== undefined && !adminGroups.includes(group)));
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

  find(token: string): User | undefined {
    const digest = digestOf(token);
    return this.users.filter(({ digest: known }) => timingSafeEqual(known, digest)).at(0)?.user;
  }
}

/** Of `Bearer …`. */
export const bearerToken = (authorization: string | undefined): string | undefined => /^Bearer (\S+)$/i.exec(authorization ?? '')?.[1];

const digestOf = (token: string) => createHash('sha256').update(token).digest();
