// One end of an HTTP/2 connection, without I/O: bytes go in by `feed` and become events; what is to be sent gathers in `output`.
// RFC 9113; the section of a rule stands beside it. Used by proxy/http2/ (server) and proxy/upstream/ (client).
import { ClosedStreams } from './closed-streams.ts';
import type { ConnectionEvents, ConnectionFailure } from './connection-events.ts';
import { FloodGuard, type FloodKind } from './flood-guard.ts';
import {
  clientPreface,
  type ErrorCode,
  errorCode,
  type FrameHeader,
  frameFlag,
  frameHeaderBytes,
  frameType,
  payloadBytesMax,
  streamIdMax,
  windowBytesDefault,
  windowBytesMax,
} from './frame.ts';
import { FrameReader, type FrameSink } from './frame-reader.ts';
import { HeaderBlock } from './header-block.ts';
import { type DecodedBlock, HpackDecoder } from './hpack-decoder.ts';
import { HpackEncoder } from './hpack-encoder.ts';
import { type Http2Limits, outputBytesMax, pendingRepliesMax } from './limits.ts';
import { checkRequest, checkResponse, checkTrailers } from './message.ts';
import { Output, type OutputBuffers, writeFrameHeader } from './output.ts';
import { applySetting, initialPeerSettings, type PeerSettings, settingBytes, settingId } from './settings.ts';
import { Http2Stream } from './stream.ts';
import { StreamTable } from './stream-table.ts';

export interface ConnectionOptions {
  role: 'client' | 'server';
  limits: Http2Limits;
  events: ConnectionEvents;
  buffers: OutputBuffers;
  nowMs: () => number;
}

/** Of a compressed block there may be this much more than of the list it stands for. */
const blockOverheadBytes = 4096;

export class Http2Connection implements FrameSink {
  readonly limits: Http2Limits;
  readonly peer = initialPeerSettings();
  readonly output: Output;
  readonly streams = new StreamTable<Http2Stream>();
  sendWindow = windowBytesDefault;
  failure: ConnectionFailure | undefined;
  /** Set by the owner while its socket takes no more; `drained` ends it. */
  private blocked = false;
  private readonly server: boolean;
  private readonly events: ConnectionEvents;
  private readonly reader = new FrameReader(this);
  private readonly decoder = new HpackDecoder();
  private readonly encoder = new HpackEncoder();
  private readonly guard: FloodGuard;
  private readonly closedStreams = new ClosedStreams();
  /** Of the client's preface, what has not come. */
  private prefaceLeft: number;
  private settingsSeen = false;
  private block: HeaderBlock | undefined;
  /** Where the payload of the DATA frame under way goes; undefined: nowhere. */
  private dataStream: Http2Stream | undefined;
  private dataFin = false;
  private receiveWindow: number;
  private toCredit = 0;
  private lastPeerStream = 0;
  private nextStream = 1;
  private waiting: Http2Stream[] = [];
  private pendingReplies = 0;
  /** The highest stream that our last GOAWAY promised to serve. */
  private servedMax = streamIdMax;

  constructor({ role, limits, events, buffers, nowMs }: ConnectionOptions) {
    this.server = role === 'server';
    this.limits = limits;
    this.events = events;
    this.guard = new FloodGuard(nowMs);
    this.output = new Output(buffers, () => events.onOutput());
    this.prefaceLeft = this.server ? clientPreface.length : 0;
    this.receiveWindow = limits.connectionWindowBytes;
  }

  /** Says what there is to say first: section 3.4. */
  start(): void {
    const { limits, output } = this;
    if (!this.server) output.bytesOf(clientPreface);
    const { maxConcurrentStreams, enableConnectProtocol, enablePush } = settingId;
    const own = [maxConcurrentStreams, limits.concurrentStreamsMax] as const;
    const settings: (readonly [number, number])[] = this.server ? [own, [enableConnectProtocol, 1]] : [[enablePush, 0]];
    settings.push([settingId.initialWindowSize, limits.streamWindowBytes], [settingId.maxHeaderListSize, limits.headerListBytesMax]);
    output.frameHeader(settings.length * settingBytes, frameType.settings, 0, 0);
    for (const [id, value] of settings) {
      output.uint16(id);
      output.uint32(value);
    }
    this.sendWindowUpdate(0, limits.connectionWindowBytes - windowBytesDefault);
  }

  feed(buffer: Buffer, start: number, end: number): void {
    let i = start;
    for (; this.prefaceLeft > 0 && i < end; i++, this.prefaceLeft--) {
      if (buffer[i] === clientPreface[clientPreface.length - this.prefaceLeft]) continue;
      this.fail(errorCode.protocolError, 'no HTTP/2 preface');
      return;
    }
    if (this.failure === undefined) this.reader.feed(buffer, i, end);
  }

  /** The peer owes us the rest of a frame (other than DATA) or of a header block. */
  get midFrame(): boolean {
    return this.reader.midFrame || this.block !== undefined;
  }

  get settled(): boolean {
    return this.settingsSeen;
  }

  // --- Sending: for streams, and for the owner.

  /** Of a client: a new stream. */
  open(): Http2Stream {
    const stream = new Http2Stream(this, this.nextStream);
    this.nextStream += 2;
    this.streams.add(stream);
    return stream;
  }

  /** Of a server: stream 1 is the request that asked for HTTP/2 in HTTP/1.1, and has come whole (RFC 7540 section 3.2). `peer`: as it said there. */
  upgrade(peer: PeerSettings): Http2Stream {
    Object.assign(this.peer, peer);
    this.encoder.setLimit(peer.headerTableBytes);
    this.lastPeerStream = 1;
    const stream = new Http2Stream(this, 1);
    this.streams.add(stream);
    stream.headSeen = true;
    stream.remoteEnded = true;
    return stream;
  }

  /** No more streams can be opened: their ids are used up. */
  get exhausted(): boolean {
    return this.nextStream > streamIdMax;
  }

  beginBlock(): HpackEncoder {
    const buffer = this.output.reserve(frameHeaderBytes + payloadBytesMax);
    this.encoder.begin(buffer, this.output.offset + frameHeaderBytes);
    return this.encoder;
  }

  endBlock(stream: number, fin: boolean): void {
    const { encoder, output } = this;
    const { offset } = output;
    const blockStart = offset + frameHeaderBytes;
    const bytes = encoder.position - blockStart;
    if (encoder.buffer !== output.reserve(0) || bytes > payloadBytesMax) {
      output.largeBlock(stream, Buffer.from(encoder.buffer.subarray(blockStart, encoder.position)), fin);
      return;
    }
    const flags = frameFlag.endHeaders | (fin ? frameFlag.endStream : 0);
    writeFrameHeader(encoder.buffer, offset, bytes, frameType.headers, flags, stream);
    output.advance(frameHeaderBytes + bytes);
  }

  sendData(stream: Http2Stream, buffer: Buffer, start: number, end: number, fin: boolean): void {
    stream.sendWindow -= end - start;
    this.sendWindow -= end - start;
    this.guard.earn();
    this.output.data(stream.id, buffer, start, end, fin);
  }

  sendReset(stream: number, code: ErrorCode): void {
    this.output.frameHeader(4, frameType.rstStream, 0, stream);
    this.output.uint32(code);
  }

  sendWindowUpdate(stream: number, bytes: number): void {
    this.output.frameHeader(4, frameType.windowUpdate, 0, stream);
    this.output.uint32(bytes);
  }

  sendPing(): void {
    this.output.frameHeader(8, frameType.ping, 0, 0);
    this.output.uint32(0);
    this.output.uint32(0);
  }

  /** We are going away, and will serve what has come so far; or, as a notice before, all that still comes. */
  sendGoaway(code: ErrorCode, notice = false): void {
    const lastStream = notice ? streamIdMax : this.lastPeerStream;
    this.servedMax = Math.min(this.servedMax, lastStream);
    this.output.frameHeader(8, frameType.goaway, 0, 0);
    this.output.uint32(this.servedMax);
    this.output.uint32(code);
  }

  /** True: bodies wait in their streams for now. */
  get congested(): boolean {
    return this.blocked || this.output.bytes > outputBytesMax;
  }

  /** What was taken of the output waits in the socket. */
  hold(): void {
    this.blocked = true;
  }

  /** All that was taken of the output has gone. */
  drained(): void {
    this.blocked = false;
    this.pendingReplies = 0;
    this.pump();
  }

  addWaiting(stream: Http2Stream): void {
    this.waiting.push(stream);
  }

  /** A turn for each stream that waits. */
  private pump(): void {
    if (this.waiting.length === 0 || this.congested || this.sendWindow <= 0) return;
    const { waiting } = this;
    this.waiting = [];
    for (const stream of waiting) if (stream.pump()) this.waiting.push(stream);
  }

  consume(bytes: number): void {
    this.toCredit += bytes;
    if (this.toCredit < this.limits.connectionWindowBytes / 2) return;
    this.receiveWindow += this.toCredit;
    this.sendWindowUpdate(0, this.toCredit);
    this.toCredit = 0;
  }

  forget(stream: Http2Stream, resetByUs: boolean): void {
    this.streams.remove(stream.id);
    this.closedStreams.add(stream.id, resetByUs);
    this.events.onStreamClosed(stream);
  }

  // --- Errors.

  /** Section 5.4.1. Always false. */
  private fail(code: ErrorCode, reason: string, flood?: ConnectionFailure['flood']): false {
    if (this.failure !== undefined) return false;
    this.failure = { code, reason, flood };
    this.sendGoaway(code);
    this.events.onFailure(this.failure);
    return false;
  }

  /** Section 5.4.2. False when there were too many. */
  private streamError(id: number, code: ErrorCode): boolean {
    const stream = this.streams.get(id);
    this.sendReset(id, code);
    if (stream !== undefined) stream.fail(code, false);
    else if (!this.closedStreams.wasReset(id)) this.closedStreams.add(id, true);
    return this.spare('streamErrors') && this.reply();
  }

  /** False: there were too many of these. */
  private spare(kind: FloodKind): boolean {
    return this.guard.allow(kind) || this.fail(errorCode.enhanceYourCalm, `too many ${kind}`, kind);
  }

  /** Counts an answer to a frame of the peer's; false: it does not read them. */
  private reply(): boolean {
    if (++this.pendingReplies <= pendingRepliesMax) return true;
    return this.fail(errorCode.enhanceYourCalm, 'replies are not read', 'replies');
  }

  // --- Frames.

  oversized({ length }: FrameHeader): false {
    return this.fail(errorCode.frameSizeError, `a frame of ${length} bytes`);
  }

  frame(header: FrameHeader, buffer: Buffer, start: number, end: number): boolean {
    const { type } = header;
    const order = this.checkOrder(header);
    if (!order) return false;
    switch (type) {
      case frameType.headers:
        return this.readHeaders(header, buffer, start, end);
      case frameType.continuation:
        return this.readContinuation(header, buffer, start, end);
      case frameType.priority:
        return this.readPriority(header);
      case frameType.rstStream:
        return this.readReset(header, buffer, start);
      case frameType.settings:
        return this.readSettings(header, buffer, start, end);
      case frameType.pushPromise:
        // Nobody pushes to a server (section 8.4), and we do not let servers push.
        return this.fail(errorCode.protocolError, 'PUSH_PROMISE');
      case frameType.ping:
        return this.readPing(header, buffer, start, end);
      case frameType.goaway:
        return this.readGoaway(header, buffer, start);
      case frameType.windowUpdate:
        return this.readWindowUpdate(header, buffer, start);
      default:
        return this.spare('unknownFrames');
    }
  }

  /** The first frame is SETTINGS (section 3.4); nothing comes between HEADERS and its CONTINUATION (section 4.3). */
  private checkOrder({ type, flags, stream }: FrameHeader): boolean {
    if (!this.settingsSeen && (type !== frameType.settings || (flags & frameFlag.ack) !== 0)) {
      return this.fail(errorCode.protocolError, 'the first frame is not SETTINGS');
    }
    const { block } = this;
    if (block !== undefined && (type !== frameType.continuation || stream !== block.stream)) {
      return this.fail(errorCode.protocolError, 'a header block is interrupted');
    }
    return true;
  }

  /** No HEADERS has opened it. */
  private isIdle(stream: number): boolean {
    const theirs = stream % 2 === (this.server ? 1 : 0);
    return theirs ? stream > this.lastPeerStream : stream >= this.nextStream || this.server;
  }

  // --- DATA: section 6.1.

  dataBegins(header: FrameHeader, padding: number): boolean {
    const { stream: id, length } = header;
    if (!this.checkOrder(header)) return false;
    if (id === 0) return this.fail(errorCode.protocolError, 'DATA without a stream');
    if (padding < 0) return this.fail(errorCode.protocolError, 'DATA with more padding than payload');
    if (this.isIdle(id)) return this.fail(errorCode.protocolError, 'DATA on an idle stream');
    if (length > this.receiveWindow) return this.fail(errorCode.flowControlError, 'more DATA than the connection window');
    this.receiveWindow -= length;
    const overhead = (header.flags & frameFlag.padded) !== 0 ? padding + 1 : 0;
    const stream = this.streams.get(id);
    const refused = this.refusedData(id, stream, length);
    this.dataStream = refused === undefined ? stream : undefined;
    this.dataFin = (header.flags & frameFlag.endStream) !== 0;
    if (refused !== undefined) {
      this.consume(overhead);
      return refused === 'late' || this.streamError(id, refused);
    }
    stream!.receiveWindow -= length;
    stream!.unconsumed += length;
    stream!.consume(overhead);
    return length > overhead || this.dataFin || this.spare('emptyFrames');
  }

  /** Why DATA goes nowhere; `late`: it was sent before the peer heard of our reset. */
  private refusedData(id: number, stream: Http2Stream | undefined, length: number): ErrorCode | 'late' | undefined {
    if (stream === undefined) return this.closedStreams.wasReset(id) ? 'late' : errorCode.streamClosed;
    if (stream.remoteEnded) return errorCode.streamClosed;
    if (!stream.headSeen) return errorCode.protocolError;
    return length > stream.receiveWindow ? errorCode.flowControlError : undefined;
  }

  data(buffer: Buffer, start: number, end: number, last: boolean): boolean {
    const stream = this.dataStream;
    const bytes = end - start;
    if (stream === undefined || stream.closed) {
      // The end of a stream has given back what had been counted as received, the rest of this frame included.
      if (stream === undefined) this.consume(bytes);
      return true;
    }
    const fin = last && this.dataFin;
    if (stream.bodyLeft >= 0) {
      stream.bodyLeft -= bytes;
      // Section 8.1.1: the body is as long as its head said.
      if (stream.bodyLeft < 0 || (fin && stream.bodyLeft > 0)) return this.streamError(stream.id, errorCode.protocolError);
    }
    if (bytes === 0 && !fin) return true;
    if (fin) stream.remoteEnded = true;
    stream.events.onBody(buffer, start, end, fin);
    if (fin && stream.localEnded) stream.close(false);
    return this.failure === undefined;
  }

  // --- HEADERS and CONTINUATION: sections 6.2 and 6.10.

  private readHeaders(header: FrameHeader, buffer: Buffer, start: number, end: number): boolean {
    const { stream, flags } = header;
    if (stream === 0) return this.fail(errorCode.protocolError, 'HEADERS without a stream');
    let from = start;
    let to = end;
    if ((flags & frameFlag.padded) !== 0) to -= start < end ? buffer[from++]! : 1;
    if ((flags & frameFlag.priority) !== 0) from += 5;
    if (from > to) return this.fail(errorCode.protocolError, 'HEADERS with more padding than payload');
    if ((flags & frameFlag.endHeaders) !== 0) return this.readBlock(stream, (flags & frameFlag.endStream) !== 0, buffer, from, to);
    this.block = new HeaderBlock(header, this.limits.headerListBytesMax + blockOverheadBytes);
    return this.addToBlock(this.block, buffer, from, to);
  }

  private readContinuation(header: FrameHeader, buffer: Buffer, start: number, end: number): boolean {
    const { block } = this;
    if (block === undefined) return this.fail(errorCode.protocolError, 'CONTINUATION without HEADERS');
    if (!this.addToBlock(block, buffer, start, end)) return false;
    if ((header.flags & frameFlag.endHeaders) === 0) return true;
    this.block = undefined;
    const whole = block.whole();
    return this.readBlock(block.stream, (block.flags & frameFlag.endStream) !== 0, whole, 0, whole.length);
  }

  private addToBlock(block: HeaderBlock, buffer: Buffer, start: number, end: number): boolean {
    if (start === end && !this.spare('emptyFrames')) return false;
    return block.add(buffer, start, end) || this.fail(errorCode.enhanceYourCalm, 'an endless header block', 'continuations');
  }

  private readBlock(id: number, fin: boolean, buffer: Buffer, start: number, end: number): boolean {
    const decoded = this.decoder.decode(buffer, start, end, this.limits);
    if (decoded.kind === 'invalid') return this.fail(errorCode.compressionError, 'malformed header block');
    const stream = this.streams.get(id);
    if (stream === undefined) return this.server ? this.openPeerStream(id, decoded, fin) : this.strayHeaders(id);
    if (stream.remoteEnded) return this.streamError(id, errorCode.streamClosed);
    return stream.headSeen ? this.readTrailers(stream, decoded, fin) : this.readResponse(stream, decoded, fin);
  }

  /** Of a client: a response to what was not asked, or is not wanted any more. */
  private strayHeaders(id: number): boolean {
    if (this.isIdle(id)) return this.fail(errorCode.protocolError, 'HEADERS on an idle stream');
    return this.closedStreams.wasReset(id) || this.streamError(id, errorCode.streamClosed);
  }

  /** Of a server: section 5.1.1. */
  private openPeerStream(id: number, decoded: DecodedBlock, fin: boolean): boolean {
    if (id % 2 === 0) return this.fail(errorCode.protocolError, 'a stream of even number from a client');
    if (id <= this.lastPeerStream) {
      if (this.closedStreams.wasReset(id)) return true;
      const wasOpen = this.closedStreams.has(id);
      return this.fail(wasOpen ? errorCode.streamClosed : errorCode.protocolError, 'HEADERS on a stream that is over');
    }
    this.lastPeerStream = id;
    if (id > this.servedMax || this.streams.size >= this.limits.concurrentStreamsMax) return this.streamError(id, errorCode.refusedStream);
    const stream = new Http2Stream(this, id);
    this.streams.add(stream);
    stream.headSeen = true;
    stream.remoteEnded = fin;
    if (decoded.kind !== 'fields') {
      this.events.onExcessiveRequest(stream, fin);
      return this.failure === undefined;
    }
    const head = checkRequest(decoded.fields, true);
    if (typeof head === 'string' || (fin && head.contentLength > 0)) {
      // Nobody has heard of it yet.
      this.sendReset(id, errorCode.protocolError);
      stream.close(true);
      return this.spare('streamErrors') && this.reply();
    }
    stream.bodyLeft = head.contentLength;
    this.events.onRequest(stream, head, fin);
    return this.failure === undefined;
  }

  /** Of a client. */
  private readResponse(stream: Http2Stream, decoded: DecodedBlock, fin: boolean): boolean {
    const head = decoded.kind === 'fields' ? checkResponse(decoded.fields) : 'too large';
    if (typeof head === 'string') return this.streamError(stream.id, errorCode.protocolError);
    if (head.status < 200) {
      if (fin) return this.streamError(stream.id, errorCode.protocolError);
      stream.events.onHead(head, false);
      return this.failure === undefined;
    }
    stream.headSeen = true;
    const bodiless = stream.bodiless || head.status === 204 || head.status === 304;
    stream.bodyLeft = bodiless ? -1 : head.contentLength;
    if (fin && stream.bodyLeft > 0) return this.streamError(stream.id, errorCode.protocolError);
    stream.remoteEnded = fin;
    stream.events.onHead(head, fin);
    if (fin && stream.localEnded) stream.close(false);
    return this.failure === undefined;
  }

  private readTrailers(stream: Http2Stream, decoded: DecodedBlock, fin: boolean): boolean {
    const malformed = !fin || decoded.kind !== 'fields' || stream.bodyLeft > 0 || checkTrailers(decoded.fields) !== undefined;
    if (malformed) return this.streamError(stream.id, errorCode.protocolError);
    stream.remoteEnded = true;
    stream.events.onTrailers(decoded.fields);
    if (stream.localEnded) stream.close(false);
    return this.failure === undefined;
  }

  // --- The other frames.

  /** Priorities are not followed: section 5.3.2. */
  private readPriority({ stream, length }: FrameHeader): boolean {
    if (stream === 0) return this.fail(errorCode.protocolError, 'PRIORITY without a stream');
    if (length !== 5) return this.streamError(stream, errorCode.frameSizeError);
    return this.spare('priorities');
  }

  /** Section 6.4. */
  private readReset({ stream: id, length }: FrameHeader, buffer: Buffer, start: number): boolean {
    if (id === 0) return this.fail(errorCode.protocolError, 'RST_STREAM without a stream');
    if (length !== 4) return this.fail(errorCode.frameSizeError, 'RST_STREAM of another length than 4');
    if (this.isIdle(id)) return this.fail(errorCode.protocolError, 'RST_STREAM on an idle stream');
    const stream = this.streams.get(id);
    if (stream === undefined) return true;
    if (this.server && !this.spare('resets')) return false;
    stream.fail(buffer.readUInt32BE(start), true);
    return this.failure === undefined;
  }

  /** Section 6.5. */
  private readSettings({ stream, flags, length }: FrameHeader, buffer: Buffer, start: number, end: number): boolean {
    if (stream !== 0) return this.fail(errorCode.protocolError, 'SETTINGS on a stream');
    if ((flags & frameFlag.ack) !== 0) {
      return length === 0 || this.fail(errorCode.frameSizeError, 'an acknowledgement of SETTINGS with a payload');
    }
    if (length % settingBytes !== 0) return this.fail(errorCode.frameSizeError, 'SETTINGS of a length that is no multiple of 6');
    const { peer } = this;
    const windowBefore = peer.initialWindowBytes;
    for (let i = start; i < end; i += settingBytes) {
      const id = buffer.readUInt16BE(i);
      const error = applySetting(peer, id, buffer.readUInt32BE(i + 2), !this.server);
      if (error !== undefined) return this.fail(error, `setting ${id} of ${buffer.readUInt32BE(i + 2)}`);
    }
    if (!this.moveSendWindows(peer.initialWindowBytes - windowBefore)) {
      return this.fail(errorCode.flowControlError, 'SETTINGS overflow a window');
    }
    this.encoder.setLimit(peer.headerTableBytes);
    this.settingsSeen = true;
    this.output.frameHeader(0, frameType.settings, frameFlag.ack, 0);
    if (!this.spare('settings') || !this.reply()) return false;
    this.events.onSettings();
    this.pump();
    return this.failure === undefined;
  }

  /** Section 6.9.2. False: one is too large now. */
  private moveSendWindows(bytes: number): boolean {
    if (bytes === 0) return true;
    for (const stream of this.streams.all()) {
      stream.sendWindow += bytes;
      if (stream.sendWindow > windowBytesMax) return false;
    }
    return true;
  }

  /** Section 6.7. */
  private readPing({ stream, flags, length }: FrameHeader, buffer: Buffer, start: number, end: number): boolean {
    if (stream !== 0) return this.fail(errorCode.protocolError, 'PING on a stream');
    if (length !== 8) return this.fail(errorCode.frameSizeError, 'PING of another length than 8');
    if ((flags & frameFlag.ack) !== 0) {
      this.events.onPong();
      return true;
    }
    this.output.frameHeader(8, frameType.ping, frameFlag.ack, 0);
    this.output.bytesOf(buffer.subarray(start, end));
    return this.spare('pings') && this.reply();
  }

  /** Section 6.8. */
  private readGoaway({ stream, length }: FrameHeader, buffer: Buffer, start: number): boolean {
    if (stream !== 0) return this.fail(errorCode.protocolError, 'GOAWAY on a stream');
    if (length < 8) return this.fail(errorCode.frameSizeError, 'GOAWAY shorter than 8');
    const lastStream = buffer.readUInt32BE(start) & streamIdMax;
    this.events.onGoaway(lastStream, buffer.readUInt32BE(start + 4));
    // What was not looked at may be sent again elsewhere.
    if (!this.server) for (const own of this.streams.all()) if (own.id > lastStream) own.fail(errorCode.refusedStream, true);
    return this.failure === undefined;
  }

  /** Section 6.9. */
  private readWindowUpdate({ stream: id, length }: FrameHeader, buffer: Buffer, start: number): boolean {
    if (length !== 4) return this.fail(errorCode.frameSizeError, 'WINDOW_UPDATE of another length than 4');
    const bytes = buffer.readUInt32BE(start) & windowBytesMax;
    if (!this.spare('windowUpdates')) return false;
    if (id === 0) {
      if (bytes === 0) return this.fail(errorCode.protocolError, 'WINDOW_UPDATE by 0');
      this.sendWindow += bytes;
      if (this.sendWindow > windowBytesMax) return this.fail(errorCode.flowControlError, 'the connection window overflows');
      this.pump();
      return this.failure === undefined;
    }
    if (this.isIdle(id)) return this.fail(errorCode.protocolError, 'WINDOW_UPDATE on an idle stream');
    const stream = this.streams.get(id);
    if (stream === undefined) return true;
    if (bytes === 0) return this.streamError(id, errorCode.protocolError);
    stream.sendWindow += bytes;
    if (stream.sendWindow > windowBytesMax) return this.streamError(id, errorCode.flowControlError);
    this.pump();
    return this.failure === undefined;
  }
}
