// What the owner of an HTTP/2 connection hears of it.
import type { FloodKind } from './flood-guard.ts';
import type { ErrorCode } from './frame.ts';
import type { MessageHead } from './message.ts';
import type { Http2Stream } from './stream.ts';

/** Hears what concerns the connection, or has no stream yet. */
export interface ConnectionEvents {
  /** Of a server: a request. `stream.events` must be set when this returns. */
  onRequest(stream: Http2Stream, head: MessageHead, fin: boolean): void;
  /** Of a server: a request whose head is larger than allowed, to be answered in some way. As `onRequest`. */
  onExcessiveRequest(stream: Http2Stream, fin: boolean): void;
  /** A stream has ended, well or not. */
  onStreamClosed(stream: Http2Stream): void;
  /** The peer's settings have come, for the first time or anew. */
  onSettings(): void;
  /** The peer takes no streams above `lastStream`; ours above it have been reset. */
  onGoaway(lastStream: number, code: ErrorCode): void;
  /** The answer to `sendPing`. */
  onPong(): void;
  /** There is output, and there was none. */
  onOutput(): void;
  /** The peer broke the protocol: GOAWAY is the last of the output, nothing more is read. Streams have not been told. */
  onFailure(failure: ConnectionFailure): void;
}

export interface ConnectionFailure {
  readonly code: ErrorCode;
  readonly reason: string;
  /** What there was too much of, if that was it. */
  readonly flood: FloodKind | 'replies' | 'continuations' | undefined;
}
