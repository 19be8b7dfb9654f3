// "May I?" and "Who am I?": the reviews by which kubectl's `auth can-i` and `auth whoami` ask. They are answered, and kept nowhere.
import { Type } from '@sinclair/typebox';
import { isPlainObject } from '#api/json';
import type { Kind } from '#api/kind';
import { StoreError } from '#store/store-error';
import type { Authorizer } from './authorizer.ts';
import type { User } from './user.ts';

const review = (kind: string, group: string, namespaced = false): Kind => ({
  kind,
  plural: `${kind.toLowerCase()}s`,
  singular: kind.toLowerCase(),
  shortNames: [],
  group,
  versions: ['v1'],
  namespaced,
  schema: Type.Object({}),
});

export const reviewKinds: readonly Kind[] = [
  review('SelfSubjectAccessReview', 'authorization.k8s.io'),
  review('SelfSubjectRulesReview', 'authorization.k8s.io'),
  review('SelfSubjectReview', 'authentication.k8s.io'),
];

/** The review with its answer in `status`. */
export async function answerReview(kind: Kind, body: unknown, user: User, authorizer: Authorizer): Promise<object> {
  const asked = isPlainObject(body) ? body : {};
  const spec = isPlainObject(asked['spec']) ? asked['spec'] : {};
  const apiVersion = `${kind.group}/v1`;
  const answer = { kind: kind.kind, apiVersion, metadata: {}, spec };
  switch (kind.kind) {
    case 'SelfSubjectReview':
      return { kind: kind.kind, apiVersion, metadata: {}, status: { userInfo: { username: user.name, groups: user.groups } } };
    case 'SelfSubjectRulesReview':
      return {
        ...answer,
        status: {
          resourceRules: rulesOf(user),
          nonResourceRules: [{ verbs: ['get'], nonResourceURLs: ['*'] }],
          incomplete: user.role === undefined,
        },
      };
    default:
      return { ...answer, status: await accessStatus(spec, user, authorizer) };
  }
}

async function accessStatus(spec: Record<string, unknown>, user: User, authorizer: Authorizer): Promise<object> {
  const { resourceAttributes: wanted, nonResourceAttributes: path } = spec;
  if (!isPlainObject(wanted)) {
    if (!isPlainObject(path)) throw new StoreError('INVALID', 'spec: one of resourceAttributes and nonResourceAttributes is required');
    return { allowed: user.role === 'admin' || path['verb'] === 'get' };
  }
  const text = (field: string) => (typeof wanted[field] === 'string' && wanted[field] !== '' ? (wanted[field] as string) : undefined);
  const allowed = await authorizer.allows(user, {
    verb: text('verb') ?? '*',
    group: text('group') ?? '',
    resource: text('resource') ?? '*',
    subresource: text('subresource'),
    namespace: text('namespace'),
    name: text('name'),
  });
  return {
    allowed,
    ...(!allowed && { reason: `the role${user.role ? ` ${user.role}` : 's of this account'} ${user.role ? 'does' : 'do'} not cover it` }),
  };
}

/** Of the roles of a service account nothing is told: each is asked for. */
function rulesOf({ role }: User): object[] {
  if (role === undefined) return [];
  const verbs = role === 'view' ? ['get', 'list', 'watch'] : ['*'];
  return [{ verbs, apiGroups: ['*'], resources: ['*'] }];
}
