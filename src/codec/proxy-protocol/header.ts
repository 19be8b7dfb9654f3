// The PROXY protocol, versions 1 (a line of text) and 2 (binary): what a proxy says of the connection behind its own, before any other
// byte. HAProxy's specification; pure.
import { formatIp, ipv4Bytes, ipv6Bytes } from './address.ts';

export type ProxyProtocolVersion = 'v1' | 'v2';

interface Place {
  readonly address: string;
  readonly port: number;
}

/** The connection as the client sees it. */
export interface ProxiedConnection {
  readonly source: Place;
  readonly destination: Place;
}

export type ParsedProxyHeader =
  /** More bytes are needed. */
  | { readonly kind: 'incomplete' }
  /** These bytes begin something else. */
  | { readonly kind: 'absent' }
  | { readonly kind: 'malformed'; readonly reason: string }
  /** `connection` undefined: the proxy speaks for itself, or of no IP connection: what is seen holds. */
  | {
      readonly kind: 'header';
      readonly version: ProxyProtocolVersion;
      readonly length: number;
      readonly connection: ProxiedConnection | undefined;
    };

/** Of version 1, with its end of line. */
const lineBytesMax = 107;
const signature = Buffer.from('\r\n\r\n\0\r\nQUIT\n', 'latin1');
const fixedBytes = 16;

const incomplete: ParsedProxyHeader = { kind: 'incomplete' };
const absent: ParsedProxyHeader = { kind: 'absent' };

export function parseProxyHeader(bytes: Buffer): ParsedProxyHeader {
  if (startsAs(bytes, signature)) return bytes.length < fixedBytes ? incomplete : parseBinary(bytes);
  const start = Buffer.from('PROXY ');
  if (!startsAs(bytes, start)) return absent;
  return bytes.length < start.length ? incomplete : parseLine(bytes);
}

/** Whether one begins with the other, whichever is shorter. */
function startsAs(bytes: Buffer, start: Buffer): boolean {
  const length = Math.min(bytes.length, start.length);
  return bytes.subarray(0, length).equals(start.subarray(0, length));
}

function malformed(reason: string): ParsedProxyHeader {
  return { kind: 'malformed', reason };
}

function parseLine(bytes: Buffer): ParsedProxyHeader {
  const end = bytes.subarray(0, lineBytesMax).indexOf('\r\n');
  if (end < 0) return bytes.length >= lineBytesMax ? malformed('the line does not end') : incomplete;
  const words = bytes.toString('latin1', 0, end).split(' ');
  const length = end + 2;
  if (words[1] === 'UNKNOWN') return { kind: 'header', version: 'v1', length, connection: undefined };
  const toBytes = words[1] === 'TCP4' ? ipv4Bytes : words[1] === 'TCP6' ? ipv6Bytes : undefined;
  if (toBytes === undefined) return malformed('the protocol is none of TCP4, TCP6, UNKNOWN');
  const [, , source, destination, sourcePort, destinationPort] = words;
  if (words.length !== 6 || !source || !destination || !toBytes(source) || !toBytes(destination)) return malformed('bad addresses');
  const ports = [sourcePort, destinationPort].map((port) => (/^\d{1,5}$/.test(port ?? '') ? Number(port) : Number.NaN));
  if (!ports.every((port) => port <= 65_535)) return malformed('bad ports');
  const connection = { source: { address: source, port: ports[0]! }, destination: { address: destination, port: ports[1]! } };
  return { kind: 'header', version: 'v1', length, connection };
}

const addressBytes: Readonly<Record<number, number>> = { 1: 4, 2: 16 };

function parseBinary(bytes: Buffer): ParsedProxyHeader {
  const [version, command] = [bytes[12]! >> 4, bytes[12]! & 15];
  const [family, transport] = [bytes[13]! >> 4, bytes[13]! & 15];
  if (version !== 2) return malformed(`version ${version} is not known`);
  if (command > 1) return malformed(`command ${command} is not known`);
  const length = fixedBytes + bytes.readUInt16BE(14);
  const size = addressBytes[family];
  const header = (connection: ProxiedConnection | undefined): ParsedProxyHeader =>
    bytes.length < length ? incomplete : { kind: 'header', version: 'v2', length, connection };
  if (command === 0 || size === undefined || transport !== 1) return header(undefined);
  if (length < fixedBytes + size * 2 + 4) return malformed('too short for its addresses');
  if (bytes.length < length) return incomplete;
  const at = fixedBytes;
  return header({
    source: { address: formatIp(bytes.subarray(at, at + size)), port: bytes.readUInt16BE(at + size * 2) },
    destination: { address: formatIp(bytes.subarray(at + size, at + size * 2)), port: bytes.readUInt16BE(at + size * 2 + 2) },
  });
}

/** `connection` undefined, or not of one IP version: the proxy speaks for itself. */
export function encodeProxyHeader(version: ProxyProtocolVersion, connection: ProxiedConnection | undefined): Buffer {
  const family = connection && familyOf(connection);
  return version === 'v1' ? encodeLine(connection, family) : encodeBinary(connection, family);
}

type Family = { word: string; code: number; source: Buffer; destination: Buffer };

function familyOf({ source, destination }: ProxiedConnection): Family | undefined {
  for (const [word, code, toBytes] of [
    ['TCP4', 0x11, ipv4Bytes],
    ['TCP6', 0x21, ipv6Bytes],
  ] as const) {
    const [from, to] = [toBytes(source.address), toBytes(destination.address)];
    if (from && to) return { word, code, source: from, destination: to };
  }
  return undefined;
}

function encodeLine(connection: ProxiedConnection | undefined, family: Family | undefined): Buffer {
  if (connection === undefined || family === undefined) return Buffer.from('PROXY UNKNOWN\r\n');
  const { source, destination } = connection;
  return Buffer.from(`PROXY ${family.word} ${source.address} ${destination.address} ${source.port} ${destination.port}\r\n`);
}

function encodeBinary(connection: ProxiedConnection | undefined, family: Family | undefined): Buffer {
  if (connection === undefined || family === undefined) return Buffer.concat([signature, Buffer.from([0x20, 0, 0, 0])]);
  const ports = Buffer.alloc(4);
  ports.writeUInt16BE(connection.source.port, 0);
  ports.writeUInt16BE(connection.destination.port, 2);
  const body = Buffer.concat([family.source, family.destination, ports]);
  return Buffer.concat([signature, Buffer.from([0x21, family.code, 0, body.length]), body]);
}
