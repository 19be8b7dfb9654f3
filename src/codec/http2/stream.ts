// One stream of a connection: its two halves, its windows, and the body that waits for the peer's window. RFC 9113 section 5.
import type { Http2Connection } from './connection.ts';
import { type ErrorCode, errorCode } from './frame.ts';
import type { HpackEncoder } from './hpack-encoder.ts';
import type { MessageHead } from './message.ts';
import type { TableEntry } from './stream-table.ts';

/** Hears what comes on a stream. After `onReset` nothing more does. */
export interface StreamEvents {
  /** The response to a request of ours: perhaps informational ones (1xx) before. */
  onHead(head: MessageHead, fin: boolean): void;
  /** buffer[start, end) must be used or copied before this returns; what is delivered is told by `consume`. */
  onBody(buffer: Buffer, start: number, end: number, fin: boolean): void;
  onTrailers(fields: MessageHead['fields']): void;
  /** Ended before its time: by the peer, or by an error of the peer's that we found. */
  onReset(code: ErrorCode, byPeer: boolean): void;
  /** So many bytes of those that `body` had not sent have gone now. */
  onDrained(bytes: number): void;
}

export type Trailers = readonly (readonly [name: string, value: string])[];

export class Http2Stream implements TableEntry<Http2Stream> {
  events!: StreamEvents;
  chained: Http2Stream | undefined;
  /** END_STREAM was sent; it was received. */
  localEnded = false;
  remoteEnded = false;
  closed = false;
  /** The head of the message has come, as opposed to informational ones. */
  headSeen = false;
  /** Of the declared content-length, what is still to come; -1: none declared. */
  bodyLeft = -1;
  /** Ours has gone; a body before it waits. */
  headSent = false;
  /** The answer to HEAD: its content-length says nothing. */
  bodiless = false;
  /** Nothing more of what comes is wanted: once END_STREAM is sent, the peer is told by a reset. */
  resetWhenSent = false;
  /** Received, but not delivered: it counts against both windows. */
  unconsumed = 0;
  receiveWindow: number;
  /** May fall below 0, when the peer lowers it. */
  sendWindow: number;
  private toCredit = 0;
  private queue: Buffer[] = [];
  private finQueued = false;
  private trailersQueued: Trailers | undefined;
  private waiting = false;

  constructor(
    private readonly connection: Http2Connection,
    readonly id: number,
  ) {
    this.receiveWindow = connection.limits.streamWindowBytes;
    this.sendWindow = connection.peer.initialWindowBytes;
  }

  // --- Sending.

  /** A head begins: its fields are added to the encoder that is returned, pseudo fields first. */
  beginHead(): HpackEncoder {
    return this.connection.beginBlock();
  }

  endHead(fin: boolean): void {
    this.connection.endBlock(this.id, fin);
    this.headSent = true;
    if (fin) this.endLocal();
  }

  /** Sends what the windows allow and queues the rest. Returns how many bytes were sent. */
  body(buffer: Buffer, start: number, end: number, fin: boolean): number {
    const { connection } = this;
    const bytes = end - start;
    if (this.closed || this.localEnded) return bytes;
    const sendable = this.queueing ? 0 : Math.min(bytes, this.sendableBytes);
    if (sendable === bytes && !this.queueing) {
      if (bytes > 0 || fin) connection.sendData(this, buffer, start, end, fin);
      if (fin) this.endLocal();
      return bytes;
    }
    if (sendable > 0) connection.sendData(this, buffer, start, start + sendable, false);
    if (sendable < bytes) this.queue.push(Buffer.from(buffer.subarray(start + sendable, end)));
    this.finQueued = fin;
    this.wait();
    return sendable;
  }

  trailers(trailers: Trailers): void {
    if (this.closed || this.localEnded) return;
    if (this.queueing) {
      this.trailersQueued = trailers;
      return;
    }
    const encoder = this.beginHead();
    for (const [name, value] of trailers) encoder.add(name, value);
    this.endHead(true);
  }

  /** Ends both halves now. */
  reset(code: ErrorCode): void {
    if (this.closed) return;
    this.connection.sendReset(this.id, code);
    this.close(true);
  }

  private get queueing(): boolean {
    return this.queue.length > 0;
  }

  private get sendableBytes(): number {
    const { connection } = this;
    return connection.congested || !this.headSent ? 0 : Math.max(0, Math.min(this.sendWindow, connection.sendWindow));
  }

  private wait(): void {
    if (this.waiting) return;
    this.waiting = true;
    this.connection.addWaiting(this);
  }

  /** Sends of the queue what may be sent now. True: some of it still waits. */
  pump(): boolean {
    let drained = 0;
    while (this.queueing && !this.closed) {
      const first = this.queue[0]!;
      const bytes = Math.min(first.length, this.sendableBytes);
      if (bytes === 0) break;
      const whole = bytes === first.length;
      if (whole) this.queue.shift();
      else this.queue[0] = first.subarray(bytes);
      const fin = this.finQueued && !this.queueing;
      this.connection.sendData(this, first, 0, bytes, fin);
      drained += bytes;
      if (fin) this.endLocal();
    }
    const waits = this.queueing && !this.closed;
    this.waiting = waits;
    if (!waits && this.trailersQueued !== undefined) this.trailers(this.trailersQueued);
    // The source may send more at once, and so begin to wait anew.
    if (drained > 0) this.events.onDrained(drained);
    return waits;
  }

  private endLocal(): void {
    this.localEnded = true;
    if (this.remoteEnded) this.close(false);
    else if (this.resetWhenSent) this.reset(errorCode.noError);
  }

  // --- Receiving.

  /** So many bytes of those received were delivered: the peer may send as many again. */
  consume(bytes: number): void {
    if (this.closed || bytes === 0) return;
    const { connection } = this;
    this.unconsumed -= bytes;
    connection.consume(bytes);
    if (this.remoteEnded) return;
    this.toCredit += bytes;
    if (this.toCredit < connection.limits.streamWindowBytes / 2) return;
    this.receiveWindow += this.toCredit;
    connection.sendWindowUpdate(this.id, this.toCredit);
    this.toCredit = 0;
  }

  /** Nothing more is sent or heard; nobody is told. */
  close(resetByUs: boolean): void {
    if (this.closed) return;
    this.closed = true;
    this.queue = [];
    this.connection.consume(this.unconsumed);
    this.connection.forget(this, resetByUs);
  }

  /** The peer, or an error of its, ended the stream. */
  fail(code: ErrorCode, byPeer: boolean): void {
    if (this.closed) return;
    this.close(!byPeer);
    this.events.onReset(code, byPeer);
  }
}
