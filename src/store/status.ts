// Kubernetes' Status: how its REST API says that something failed. Written by the API server, read by the remote store.
import type { Problem } from '#foundation/problem';
import { StoreError, type StoreErrorCode } from './store-error.ts';

export interface Status {
  kind: 'Status';
  apiVersion: 'v1';
  metadata: object;
  status: 'Failure' | 'Success';
  message: string;
  reason: string;
  code: number;
  details?: { name?: string; group?: string; kind?: string; causes?: StatusCause[] };
}

interface StatusCause {
  /** Ours: the stable code of a problem. */
  reason: string;
  message: string;
  field?: string;
}

const reasons: readonly (readonly [StoreErrorCode, reason: string, code: number])[] = [
  ['NOT_FOUND', 'NotFound', 404],
  ['ALREADY_EXISTS', 'AlreadyExists', 409],
  ['CONFLICT', 'Conflict', 409],
  ['INVALID', 'Invalid', 422],
  ['BAD_REQUEST', 'BadRequest', 400],
  ['UNAUTHORIZED', 'Unauthorized', 401],
  ['FORBIDDEN', 'Forbidden', 403],
  ['FULL', 'InsufficientStorage', 507],
  ['EXPIRED', 'Expired', 410],
  ['UNSUPPORTED_MEDIA_TYPE', 'UnsupportedMediaType', 415],
  ['UNAVAILABLE', 'ServiceUnavailable', 503],
];

export function failure(code: number, reason: string, message: string, details?: Status['details']): Status {
  return { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Failure', message, reason, code, ...(details && { details }) };
}

/** What is wrong with an object, as causes: the hint follows its message. */
function causesOf(problems: readonly Problem[]): StatusCause[] {
  return problems.map(({ code, message, hint, field }) => ({
    reason: code,
    message: hint ? `${message} (${hint})` : message,
    ...(field !== undefined && { field }),
  }));
}

export function statusOf(error: StoreError): Status {
  const [, reason, code] = reasons.find(([of]) => of === error.code) ?? ['', 'InternalError', 500];
  const message = error.hint ? `${error.message}: ${error.hint}` : error.message;
  return failure(code, reason, message, { ...error.subject, ...(error.problems.length > 0 && { causes: causesOf(error.problems) }) });
}

/** The inverse; a reason that is not among ours is UNAVAILABLE. */
export function errorOf(status: Partial<Status>): StoreError {
  const [code] = reasons.find(([, reason]) => reason === status.reason) ?? ['UNAVAILABLE' as const];
  const problems = (status.details?.causes ?? []).map(
    ({ reason, message, field }): Problem => ({ level: 'error', code: reason, message, ...(field !== undefined && { field }) }),
  );
  return new StoreError(code, status.message ?? 'the API server answered with an error', { problems });
}
