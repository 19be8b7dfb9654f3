// Where the parts of a message go. An exchange is a chain of ports between two connections; each protocol has its own at either
// end, and none knows which protocol is at the other: HTTP/1 is there, HTTP/2 goes beside it.
import type { FieldList, RequestHead, ResponseHead } from './head.ts';

/**
 * Takes one message: `head`, any number of `body`, perhaps `trailers`. `fin` marks the last part. A response port may get heads of
 * informational responses (1xx) before. After `abort`, or the last part, nothing more comes.
 */
export interface Port<H> {
  head(head: H, fin: boolean): void;
  /**
   * buffer[start, end) must be used or copied before this returns. Returns how many bytes count as delivered: the others are queued,
   * and are told to the source by `credit` when they drain; a source with much undelivered stops reading.
   */
  body(buffer: Buffer, start: number, end: number, fin: boolean): number;
  trailers(trailers: FieldList): void;
  /** The message ends here, unfinished. */
  abort(reason: ResetReason): void;
  /** Of the opposite direction: `bytes` that this port's owner sent as body have drained. */
  credit(bytes: number): void;
  /** The source has nothing more for now: what waited to go out in one write goes out. */
  flush(): void;
}

export type RequestPort = Port<RequestHead>;
export type ResponsePort = Port<ResponseHead>;

/** Why a stream ended early. `detail`: the system's reason, where there is one. */
export type ResetReason =
  | { readonly kind: 'connect-failure'; readonly detail: string }
  | { readonly kind: 'connect-timeout' }
  /** The connection ended under the stream. */
  | { readonly kind: 'connection-termination' }
  | { readonly kind: 'protocol-error'; readonly detail: string }
  /** The peer reset the stream alone. */
  | { readonly kind: 'remote-reset' }
  /** It did so before it looked at the request, which may safely be sent again. */
  | { readonly kind: 'refused-stream' }
  | { readonly kind: 'overflow' }
  /** The other end of the exchange went away, or the proxy gave up on it. */
  | { readonly kind: 'local-reset' };

export const connectTimeout: ResetReason = { kind: 'connect-timeout' };
export const connectionTermination: ResetReason = { kind: 'connection-termination' };
export const remoteReset: ResetReason = { kind: 'remote-reset' };
export const refusedStream: ResetReason = { kind: 'refused-stream' };
export const overflow: ResetReason = { kind: 'overflow' };
export const localReset: ResetReason = { kind: 'local-reset' };

export const noBytes: Buffer = Buffer.alloc(0);
