// Frames by hand, right and wrong ones, and frames taken apart again.
import { clientPreface, frameFlag, frameType } from '#codec/http2/frame';

export { frameFlag as flag, frameType as type };

export type FieldPair = readonly [name: string, value: string];

/** `length`: what the header claims, when it is not the payload's. */
export function frame(type: number, flags: number, stream: number, payload: Buffer | string = '', length?: number): Buffer {
  const bytes = typeof payload === 'string' ? Buffer.from(payload, 'latin1') : payload;
  const header = Buffer.alloc(9);
  header.writeUIntBE(length ?? bytes.length, 0, 3);
  header[3] = type;
  header[4] = flags;
  header.writeUInt32BE(stream >>> 0, 5);
  return Buffer.concat([header, bytes]);
}

export function uint32(...values: number[]): Buffer {
  const buffer = Buffer.alloc(values.length * 4);
  for (const [i, value] of values.entries()) buffer.writeUInt32BE(value >>> 0, i * 4);
  return buffer;
}

function integer(pattern: number, bits: number, value: number): number[] {
  const mask = 2 ** bits - 1;
  if (value < mask) return [pattern | value];
  const out = [pattern | mask];
  let left = value - mask;
  for (; left >= 128; left = Math.floor(left / 128)) out.push((left % 128) | 128);
  return [...out, left];
}

function string(text: string): Buffer {
  return Buffer.concat([Buffer.from(integer(0, 7, text.length)), Buffer.from(text, 'latin1')]);
}

/** A header block of plain literals: no tables, no coding. */
export function block(fields: readonly FieldPair[]): Buffer {
  return Buffer.concat(fields.flatMap(([name, value]) => [Buffer.from([0]), string(name), string(value)]));
}

export const getFields: readonly FieldPair[] = [
  [':method', 'GET'],
  [':scheme', 'http'],
  [':path', '/'],
  [':authority', 'svc.example'],
];
export const postFields: readonly FieldPair[] = [[':method', 'POST'], ...getFields.slice(1)];

const { endHeaders, endStream } = frameFlag;

export const headers = (stream: number, fields: readonly FieldPair[] = getFields, flags: number = endHeaders | endStream) =>
  frame(frameType.headers, flags, stream, block(fields));
/** A request whose body follows. */
export const post = (stream: number, ...more: FieldPair[]) => headers(stream, [...postFields, ...more], endHeaders);
export const data = (stream: number, text: string, flags = 0) => frame(frameType.data, flags, stream, text);
export const lastData = (stream: number, text = '') => data(stream, text, endStream);
export const settings = (...pairs: [id: number, value: number][]) =>
  frame(
    frameType.settings,
    0,
    0,
    Buffer.concat(pairs.map(([id, value]) => Buffer.concat([Buffer.from([id >> 8, id & 255]), uint32(value)]))),
  );
export const ping = (payload = '12345678', flags = 0, stream = 0) => frame(frameType.ping, flags, stream, payload);
export const reset = (stream: number, code = 8) => frame(frameType.rstStream, 0, stream, uint32(code));
export const windowUpdate = (stream: number, bytes: number) => frame(frameType.windowUpdate, 0, stream, uint32(bytes));
export const continuation = (stream: number, payload: Buffer | string = '', flags: number = endHeaders) =>
  frame(frameType.continuation, flags, stream, payload);

/** What a client says first. */
export const hello = Buffer.concat([clientPreface, settings()]);

export interface Seen {
  type: number;
  flags: number;
  stream: number;
  payload: Buffer;
}

/** Cuts a byte stream into frames. */
export class Frames {
  readonly seen: Seen[] = [];
  private rest = Buffer.alloc(0);

  add(bytes: Buffer): void {
    this.rest = Buffer.concat([this.rest, bytes]);
    while (this.rest.length >= 9) {
      const end = 9 + this.rest.readUIntBE(0, 3);
      if (this.rest.length < end) return;
      const stream = this.rest.readUInt32BE(5) & 0x7fffffff;
      this.seen.push({ type: this.rest[3]!, flags: this.rest[4]!, stream, payload: Buffer.from(this.rest.subarray(9, end)) });
      this.rest = Buffer.from(this.rest.subarray(end));
    }
  }

  /** The code of the first GOAWAY other than NO_ERROR's. */
  get goaway(): number | undefined {
    const found = this.seen.find(({ type, payload }) => type === frameType.goaway && payload.readUInt32BE(4) !== 0);
    return found?.payload.readUInt32BE(4);
  }

  /** `stream:code` of each RST_STREAM that says of an error. */
  get resets(): string[] {
    return this.seen
      .filter(({ type, payload }) => type === frameType.rstStream && payload.readUInt32BE(0) !== 0)
      .map(({ stream, payload }) => `${stream}:${payload.readUInt32BE(0)}`);
  }

  /** Streams whose message has come to its end. */
  get answered(): number[] {
    return this.seen
      .filter(({ type, flags }) => (type === frameType.data || type === frameType.headers) && (flags & frameFlag.endStream) !== 0)
      .map(({ stream }) => stream);
  }

  pongs(payload: string): number {
    return this.seen.filter((seen) => seen.type === frameType.ping && seen.flags === 1 && seen.payload.toString('latin1') === payload)
      .length;
  }
}
