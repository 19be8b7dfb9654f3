// How a write or read of a Store fails. The same codes in memory and over REST.
import { MeshError } from '#foundation/mesh-error';
import type { Problem } from '#foundation/problem';

export type StoreErrorCode =
  | 'NOT_FOUND'
  | 'ALREADY_EXISTS'
  /** The object has been changed since it was read. */
  | 'CONFLICT'
  /** The object is refused; `problems` say why. */
  | 'INVALID'
  /** The request makes no sense, whatever there is. */
  | 'BAD_REQUEST'
  /** Nobody knows who asks. */
  | 'UNAUTHORIZED'
  /** Who asks may not. */
  | 'FORBIDDEN'
  | 'UNSUPPORTED_MEDIA_TYPE'
  /** Begin again from a list: what was asked for is no longer kept. */
  | 'EXPIRED'
  /** The store has reached its bound. */
  | 'FULL'
  /** The API server cannot be reached, or does not answer as one. */
  | 'UNAVAILABLE';

export interface StoreErrorSubject {
  kind: string;
  group: string;
  name: string;
}

export class StoreError extends MeshError {
  readonly problems: readonly Problem[];
  /** What an INVALID object calls itself. */
  readonly subject: StoreErrorSubject | undefined;

  constructor(
    override readonly code: StoreErrorCode,
    message: string,
    options: { hint?: string; cause?: unknown; problems?: readonly Problem[]; subject?: StoreErrorSubject } = {},
  ) {
    super(code, message, options);
    this.problems = options.problems ?? [];
    this.subject = options.subject;
  }
}
