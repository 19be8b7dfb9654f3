// A request of Kubernetes' REST API, read: who asks, for what, in which form. No HTTP here.
import type { Kind } from '#api/kind';
import { StoreError } from '#store/store-error';
import type { ResourcePath } from './resource-path.ts';
import type { User } from './user.ts';

export interface Query {
  labelSelector?: string;
  fieldSelector?: string;
  limit?: string;
  continue?: string;
  watch?: string;
  resourceVersion?: string;
  resourceVersionMatch?: string;
  sendInitialEvents?: string;
  allowWatchBookmarks?: string;
  timeoutSeconds?: string;
  fieldValidation?: string;
  fieldManager?: string;
  force?: string;
  dryRun?: string;
  propagationPolicy?: string;
  gracePeriodSeconds?: string;
  includeObject?: string;
}

/** Where a request points. */
export interface Target {
  kind: Kind;
  version: string;
  /** Empty for cluster-scoped kinds, and where all namespaces are meant. */
  namespace: string;
  name: string;
}

export interface ApiRequest {
  method: string;
  path: ResourcePath;
  kind: Kind;
  query: Query;
  body: unknown;
  contentType: string;
  accept: string | undefined;
  /** `kubectl` of `kubectl/v1.30.0 (linux/amd64)`. */
  client: string | undefined;
  user: User;
}

const verbs: Readonly<Record<string, readonly [ofOne: string, ofAll: string]>> = {
  GET: ['get', 'list'],
  POST: ['create', 'create'],
  PUT: ['update', 'update'],
  PATCH: ['patch', 'patch'],
  DELETE: ['delete', 'deletecollection'],
};

/** In Kubernetes' words: `list`, `watch`, `deletecollection`. */
export function verbOf(method: string, { name }: ResourcePath, query: Query): string {
  const [ofOne, ofAll] = verbs[method] ?? ['', ''];
  if (name !== undefined) return ofOne;
  return method === 'GET' && isTrue(query.watch) ? 'watch' : ofAll;
}

/** As Go's strconv.ParseBool, for clients of other languages write it as theirs do. */
export const isTrue = (value: string | null | undefined): boolean => /^(1|t|T|true|TRUE|True)$/.test(value ?? '');

export function isDryRun(query: Query, body?: unknown): boolean {
  const given = query.dryRun ?? (body as { dryRun?: string[] } | undefined)?.dryRun?.[0];
  if (given === undefined || given === '') return false;
  if (given === 'All') return true;
  const message = `Unsupported value: ${JSON.stringify([given])}: supported values: "All"`;
  throw new StoreError('INVALID', `CreateOptions.meta.k8s.io "" is invalid: dryRun: ${message}`, {
    problems: [{ level: 'error', code: 'UNKNOWN_VALUE', field: 'dryRun', message }],
    subject: { kind: 'CreateOptions', group: 'meta.k8s.io', name: '' },
  });
}

/** A whole number of a query; undefined where it is left out. */
export function numberOf(query: Query, name: 'limit' | 'timeoutSeconds'): number | undefined {
  const text = query[name];
  if (text === undefined || text === '') return undefined;
  const value = Number(text);
  if (!Number.isInteger(value) || value < 0) throw new StoreError('BAD_REQUEST', `${name}: "${text}" is no whole number`);
  return value;
}
