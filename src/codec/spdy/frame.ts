// Frames of SPDY/3.1, which kubectl before 1.31 speaks for exec, attach and port-forward, and later ones inside of a WebSocket. The SPDY
// Protocol draft 3.1, section 2.2. Without I/O; header blocks are still compressed here.

export type SpdyFrame =
  | { kind: 'data'; stream: number; fin: boolean; data: Buffer }
  | { kind: 'syn-stream'; stream: number; fin: boolean; block: Buffer }
  | { kind: 'reset'; stream: number }
  | { kind: 'ping'; payload: Buffer }
  | { kind: 'go-away' }
  /** What needs no answer: SETTINGS, WINDOW_UPDATE, a reply. */
  | { kind: 'other' };

const type = { synStream: 1, synReply: 2, rstStream: 3, ping: 6, goAway: 7, windowUpdate: 9 } as const;
const headBytes = 8;
const versionBytes = 0x8003;
const finFlag = 1;
/** Of one frame: kubectl's have 32 KB. */
const frameBytesMax = 1024 * 1024;

/** Collects bytes into frames. Throws where a frame is larger than any that is sent. */
export class SpdyFrames {
  private waiting: Buffer = Buffer.alloc(0);

  *feed(bytes: Buffer): Iterable<SpdyFrame> {
    this.waiting = this.waiting.length === 0 ? bytes : Buffer.concat([this.waiting, bytes]);
    while (this.waiting.length >= headBytes) {
      const word = this.waiting.readUInt32BE(4);
      const end = headBytes + (word & 0xff_ffff);
      if (end > frameBytesMax) throw new Error(`a SPDY frame of ${end} bytes`);
      if (this.waiting.length < end) return;
      const frame = this.waiting.subarray(0, end);
      this.waiting = this.waiting.subarray(end);
      yield frameOf(frame, word >>> 24);
    }
  }
}

function frameOf(frame: Buffer, flags: number): SpdyFrame {
  const payload = frame.subarray(headBytes);
  const first = frame.readUInt32BE(0);
  const fin = (flags & finFlag) !== 0;
  if (first >>> 31 === 0) return { kind: 'data', stream: first, fin, data: payload };
  switch (frame.readUInt16BE(2)) {
    case type.synStream:
      return payload.length < 10 ? { kind: 'other' } : { kind: 'syn-stream', stream: idIn(payload), fin, block: payload.subarray(10) };
    case type.rstStream:
      return payload.length < 8 ? { kind: 'other' } : { kind: 'reset', stream: idIn(payload) };
    case type.ping:
      return { kind: 'ping', payload };
    case type.goAway:
      return { kind: 'go-away' };
    default:
      return { kind: 'other' };
  }
}

const idIn = (payload: Buffer) => payload.readUInt32BE(0) & 0x7fff_ffff;

export const spdyFrame = {
  data(stream: number, data: Buffer, fin: boolean): Buffer {
    const head = Buffer.alloc(headBytes);
    head.writeUInt32BE(stream, 0);
    head.writeUInt32BE(((fin ? finFlag << 24 : 0) | data.length) >>> 0, 4);
    return Buffer.concat([head, data]);
  },
  reply: (stream: number, block: Buffer) => control(type.synReply, word(stream), block),
  ping: (payload: Buffer) => control(type.ping, payload),
  windowUpdate: (stream: number, bytes: number) => control(type.windowUpdate, word(stream), word(bytes)),
};

function control(frameType: number, ...parts: readonly Buffer[]): Buffer {
  const head = Buffer.alloc(headBytes);
  head.writeUInt16BE(versionBytes, 0);
  head.writeUInt16BE(frameType, 2);
  head.writeUInt32BE(
    parts.reduce((sum, part) => sum + part.length, 0),
    4,
  );
  return Buffer.concat([head, ...parts]);
}

function word(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}

/** Names in lower case. Throws where the block is cut short. */
export function readHeaderBlock(block: Buffer): Record<string, string> {
  const headers: Record<string, string> = {};
  let at = 4;
  const text = () => {
    const end = at + 4 + block.readUInt32BE(at);
    if (end > block.length) throw new Error('a SPDY header block that is cut short');
    const value = block.toString('utf8', at + 4, end);
    at = end;
    return value;
  };
  for (let left = block.readUInt32BE(0); left > 0; left--) {
    const name = text().toLowerCase();
    headers[name] = text();
  }
  return headers;
}

/** Of no headers: all that a reply says. */
export const emptyHeaderBlock = word(0);
