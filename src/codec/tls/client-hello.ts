// Reads what a TLS ClientHello says of its server name and its application protocols, out of the first bytes of a connection. Pure;
// used by proxy/listen/inspector.ts. RFC 8446 section 4.1.2, RFC 6066 section 3, RFC 7301 section 3.1.

import { latin1 } from '#codec/http1/latin1';

export interface ClientHello {
  /** Lower case; empty when it names none. */
  serverName: string;
  /** In the client's order of preference. */
  applicationProtocols: readonly string[];
}

/** `incomplete`: more bytes are needed. `other`: whatever this is, it is no ClientHello. */
export type ClientHelloResult = { kind: 'hello'; hello: ClientHello } | { kind: 'incomplete' } | { kind: 'other' };

const incomplete: ClientHelloResult = { kind: 'incomplete' };
const other: ClientHelloResult = { kind: 'other' };

const handshakeRecord = 22;
const clientHelloMessage = 1;
const recordHeaderBytes = 5;
/** RFC 8446 section 5.1. */
const recordBytesMax = 16_384;

const extensionType = { serverName: 0, applicationProtocols: 16 } as const;

/** `bytes`: all that has come. A hello may be spread over several records, and records over several packets. */
export function parseClientHello(bytes: Buffer): ClientHelloResult {
  const message: Buffer[] = [];
  let gathered = 0;
  for (let i = 0; ; ) {
    // A plain protocol is told by its first byte already: it must not be kept waiting for five.
    if (i < bytes.length && bytes[i] !== handshakeRecord) return other;
    if (i + 1 < bytes.length && bytes[i + 1] !== 3) return other;
    if (bytes.length < i + recordHeaderBytes) return incomplete;
    const length = bytes.readUInt16BE(i + 3);
    if (length === 0 || length > recordBytesMax) return other;
    const start = i + recordHeaderBytes;
    const part = bytes.subarray(start, start + length);
    message.push(part);
    gathered += part.length;
    if (gathered >= 1 && firstByte(message) !== clientHelloMessage) return other;
    if (gathered >= 4) {
      const whole = message.length === 1 ? part : Buffer.concat(message);
      const messageBytes = whole.readUIntBE(1, 3) + 4;
      if (messageBytes > recordBytesMax) return other;
      if (whole.length >= messageBytes) return parseMessage(new Reader(whole.subarray(4, messageBytes)));
    }
    if (bytes.length < start + length) return incomplete;
    i = start + length;
  }
}

function firstByte(parts: readonly Buffer[]): number {
  return parts[0]![0]!;
}

function parseMessage(reader: Reader): ClientHelloResult {
  reader.skip(2 + 32);
  reader.vector(1); // session id
  reader.vector(2); // cipher suites
  reader.vector(1); // compression methods
  const hello: ClientHello = { serverName: '', applicationProtocols: [] };
  if (reader.failed) return other;
  // Before TLS 1.2 a hello may end here.
  if (reader.left === 0) return { kind: 'hello', hello };
  const extensions = reader.vector(2);
  while (extensions.left > 0) {
    const type = extensions.number(2);
    const content = extensions.vector(2);
    if (extensions.failed) return other;
    if (type === extensionType.serverName) hello.serverName = parseServerName(content);
    if (type === extensionType.applicationProtocols) hello.applicationProtocols = parseProtocols(content);
    if (content.failed) return other;
  }
  return reader.failed ? other : { kind: 'hello', hello };
}

function parseServerName(content: Reader): string {
  const names = content.vector(2);
  while (names.left > 0) {
    const type = names.number(1);
    const name = names.vector(2);
    if (names.failed) break;
    if (type === 0) return name.text().toLowerCase();
  }
  content.failed ||= names.failed;
  return '';
}

function parseProtocols(content: Reader): string[] {
  const list = content.vector(2);
  const protocols: string[] = [];
  while (list.left > 0 && !list.failed) protocols.push(list.vector(1).text());
  content.failed ||= list.failed;
  return protocols;
}

/** Reads numbers and vectors with a length before them; past its end it reads nothing and has `failed`. */
class Reader {
  failed = false;
  private offset = 0;

  constructor(private readonly bytes: Buffer) {}

  get left(): number {
    return this.failed ? 0 : this.bytes.length - this.offset;
  }

  skip(count: number): void {
    if (this.left < count) this.failed = true;
    else this.offset += count;
  }

  number(size: number): number {
    const at = this.offset;
    this.skip(size);
    return this.failed ? 0 : this.bytes.readUIntBE(at, size);
  }

  vector(lengthSize: number): Reader {
    const length = this.number(lengthSize);
    const at = this.offset;
    this.skip(length);
    return new Reader(this.failed ? Buffer.alloc(0) : this.bytes.subarray(at, at + length));
  }

  text(): string {
    return latin1(this.bytes, this.offset, this.bytes.length);
  }
}
