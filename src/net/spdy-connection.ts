// The server's side of a SPDY/3.1 connection over any byte stream: what the client opens comes out as streams with their headers.
import { Duplex } from 'node:stream';
import zlib from 'node:zlib';
import { spdyDictionary } from '#codec/spdy/dictionary';
import { emptyHeaderBlock, readHeaderBlock, type SpdyFrame, SpdyFrames, spdyFrame } from '#codec/spdy/frame';

/** A port-forward opens two for each of its connections. */
const streamsMax = 1_000;
const headerBlockBytesMax = 64 * 1024;
const compression = { dictionary: spdyDictionary, flush: zlib.constants.Z_SYNC_FLUSH };

export class SpdyStream extends Duplex {
  constructor(
    readonly headers: Readonly<Record<string, string>>,
    private readonly connection: { send(data: Buffer, fin: boolean, done: () => void): void; wanted(): void },
  ) {
    super({ allowHalfOpen: true });
  }

  override _read(): void {
    this.connection.wanted();
  }

  override _write(data: Buffer, _: BufferEncoding, done: () => void): void {
    this.connection.send(data, false, done);
  }

  override _final(done: () => void): void {
    this.connection.send(Buffer.alloc(0), true, done);
  }
}

/** Ends the byte stream where the client breaks the protocol. */
export class SpdyConnection {
  private readonly frames = new SpdyFrames();
  private readonly inflate = zlib.createInflate(compression);
  private readonly deflate = zlib.createDeflate(compression);
  private readonly streams = new Map<number, SpdyStream>();
  /** Frames are worked on in their order, though headers are unpacked in the background. */
  private order: Promise<void> = Promise.resolve();

  constructor(
    private readonly bytes: Duplex,
    private readonly opened: (stream: SpdyStream) => void,
  ) {
    bytes.on('data', (chunk: Buffer) => this.take(chunk));
    bytes.on('error', () => bytes.destroy());
    bytes.on('close', () => this.end());
  }

  close(): void {
    this.bytes.end();
  }

  private take(chunk: Buffer): void {
    this.order = this.order
      .then(async () => {
        for (const frame of this.frames.feed(chunk)) await this.work(frame);
      })
      .catch(() => void this.bytes.destroy());
  }

  private async work(frame: SpdyFrame): Promise<void> {
    switch (frame.kind) {
      case 'syn-stream':
        return this.open(frame.stream, frame.fin, frame.block);
      case 'data': {
        const stream = this.streams.get(frame.stream);
        if (!stream) return;
        // One reader that is slow holds up the connection: the clients know no windows.
        if (frame.data.length > 0) {
          if (!stream.push(frame.data)) this.bytes.pause();
          this.write(spdyFrame.windowUpdate(frame.stream, frame.data.length));
        }
        if (frame.fin) stream.push(null);
        return;
      }
      case 'reset':
        this.streams.get(frame.stream)?.destroy();
        return;
      case 'ping':
        this.write(spdyFrame.ping(frame.payload));
        return;
      case 'go-away':
        this.bytes.end();
        return;
      case 'other':
    }
  }

  private async open(id: number, fin: boolean, block: Buffer): Promise<void> {
    if (this.streams.size >= streamsMax || block.length > headerBlockBytesMax) throw new Error('too much is opened');
    const headers = readHeaderBlock(await through(this.inflate, block));
    const stream = new SpdyStream(headers, {
      send: (data, end, done) => (this.write(spdyFrame.data(id, data, end)) ? done() : this.whenWritten(done)),
      wanted: () => void this.bytes.resume(),
    });
    this.streams.set(id, stream);
    stream.on('error', () => stream.destroy());
    stream.once('close', () => this.streams.delete(id));
    this.write(spdyFrame.reply(id, await through(this.deflate, emptyHeaderBlock)));
    if (fin) stream.push(null);
    this.opened(stream);
  }

  /** False: there is more than the client takes now. */
  private write(bytes: Buffer): boolean {
    return this.bytes.destroyed || this.bytes.writableEnded || this.bytes.write(bytes);
  }

  private whenWritten(then: () => void): void {
    const go = () => {
      this.bytes.off('drain', go);
      this.bytes.off('close', go);
      then();
    };
    this.bytes.once('drain', go);
    this.bytes.once('close', go);
  }

  private end(): void {
    for (const stream of this.streams.values()) stream.destroy();
    this.inflate.close();
    this.deflate.close();
  }
}

/** All that one piece comes to: headers of a connection share one window of compression. */
function through(transform: zlib.Inflate | zlib.Deflate, piece: Buffer): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    transform.once('error', reject);
    transform.write(piece, () => {
      transform.off('error', reject);
      const parts: Buffer[] = [];
      let bytes = 0;
      for (let part = transform.read() as Buffer | null; part !== null; part = transform.read() as Buffer | null) {
        parts.push(part);
        if ((bytes += part.length) > headerBlockBytesMax) return reject(new Error('headers are too large'));
      }
      resolve(Buffer.concat(parts));
    });
  });
}
