// A server on the codec alone: answers each request that has come whole with its body, when it is told to.
import { Http2Connection } from '#codec/http2/connection';
import type { ConnectionEvents, ConnectionFailure } from '#codec/http2/connection-events';
import type { Http2Limits } from '#codec/http2/limits';
import type { MessageHead } from '#codec/http2/message';
import { OutputBuffers } from '#codec/http2/output';
import type { Http2Stream } from '#codec/http2/stream';
import { Frames } from './frames.ts';

export class EchoServer implements ConnectionEvents {
  readonly frames = new Frames();
  readonly codec: Http2Connection;
  readonly heads: MessageHead[] = [];
  failure: ConnectionFailure | undefined;
  nowMs = 0;
  /** Bytes of answers that had to wait, and have gone. */
  drained = 0;
  private readonly whole: { stream: Http2Stream; body: Buffer }[] = [];

  constructor(limits: Http2Limits) {
    this.codec = new Http2Connection({ role: 'server', limits, events: this, buffers: new OutputBuffers(), nowMs: () => this.nowMs });
    this.codec.start();
  }

  /** `read`: the peer takes what is sent. */
  feed(bytes: Buffer, read = true): void {
    this.codec.feed(bytes, 0, bytes.length);
    if (read) this.take();
  }

  take(): void {
    do {
      for (const { buffer, length } of this.codec.output.take()) this.frames.add(buffer.subarray(0, length));
      this.codec.drained();
    } while (this.codec.output.bytes > 0);
  }

  onRequest(stream: Http2Stream, head: MessageHead, fin: boolean): void {
    this.heads.push(head);
    const request = { stream, body: Buffer.from('echo') };
    const parts: Buffer[] = [];
    const whole = () => {
      request.body = Buffer.concat(parts);
      this.whole.push(request);
    };
    stream.events = {
      onHead: () => {},
      onBody: (buffer, start, end, last) => {
        parts.push(Buffer.from(buffer.subarray(start, end)));
        stream.consume(end - start);
        if (last) whole();
      },
      onTrailers: whole,
      onReset: () => {},
      onDrained: (bytes) => {
        this.drained += bytes;
      },
    };
    if (fin) this.whole.push(request);
  }

  /** Answers what has come whole. */
  answer(): void {
    for (const { stream, body } of this.whole.splice(0)) {
      if (stream.closed) continue;
      stream.beginHead().add(':status', '200');
      stream.endHead(false);
      stream.body(body, 0, body.length, true);
    }
    this.take();
  }

  onExcessiveRequest(stream: Http2Stream): void {
    stream.beginHead().add(':status', '431');
    stream.endHead(true);
  }

  onStreamClosed(): void {}
  onSettings(): void {}
  onGoaway(): void {}
  onPong(): void {}
  onOutput(): void {}

  onFailure(failure: ConnectionFailure): void {
    this.failure = failure;
  }
}
