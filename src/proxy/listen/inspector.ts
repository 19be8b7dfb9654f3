// Looks at the first bytes of an accepted connection, for what chooses its filter chain: TLS with its server name and protocols, or
// HTTP in the clear. The bytes are put back. What Envoy's tls_inspector and http_inspector listener filters do.
import type { Socket } from 'node:net';
import { latin1 } from '#codec/http1/latin1';
import { parseClientHello } from '#codec/tls/client-hello';
import type { InspectionConfig } from '#proxy/config/listener';
import type { ConnectionTraits } from './filter-chain-matcher.ts';

export type Inspection = Pick<ConnectionTraits, 'tls' | 'plainProtocol'>;

/** A ClientHello may come in pieces, but not in more than this. */
const inspectedBytesMax = 32_768;

const http2Preface = 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n';
/** Whatever it is, it is no protocol that an inspector knows. */
const unknown: Inspection = { plainProtocol: 'other' };
const methodPattern = /^[A-Z]{3,20} /;

/** Undefined: more bytes are needed. Pure. */
export function inspectBytes(bytes: Buffer, { tls, http }: InspectionConfig): Inspection | undefined {
  if (tls) {
    const result = parseClientHello(bytes);
    if (result.kind === 'incomplete') return bytes.length >= inspectedBytesMax ? unknown : undefined;
    if (result.kind === 'hello') return { tls: result.hello };
  }
  return http ? inspectHttp(bytes) : unknown;
}

function inspectHttp(bytes: Buffer): Inspection | undefined {
  const text = latin1(bytes, 0, Math.min(bytes.length, http2Preface.length));
  if (http2Preface.startsWith(text)) return text.length === http2Preface.length ? { plainProtocol: 'h2c' } : undefined;
  if (methodPattern.test(text)) return { plainProtocol: 'http/1.1' };
  return /^[A-Z]*$/.test(text) && text.length < 20 ? undefined : unknown;
}

/**
 * Calls `done` once, with undefined when the client went away before it said enough; the socket then is closed. Until then nothing else
 * may read from the socket. Returns how to give up: `done` then hears of a protocol that is not known.
 */
export function inspect(socket: Socket, config: InspectionConfig, done: (inspection: Inspection | undefined) => void): () => void {
  let bytes = Buffer.alloc(0);
  const settle = (inspection: Inspection | undefined): void => {
    socket.off('readable', onReadable);
    socket.off('close', onClose);
    socket.off('error', onClose);
    if (bytes.length > 0 && !socket.destroyed) socket.unshift(bytes);
    done(inspection);
  };
  const onReadable = (): void => {
    const chunk = socket.read() as Buffer | null;
    if (chunk !== null) bytes = Buffer.concat([bytes, chunk]);
    const inspection = inspectBytes(bytes, config);
    if (inspection !== undefined) settle(inspection);
    // Readable without anything to read: it will not say more, and may still listen. Once that is known as `end`, nothing can be put back.
    else if (chunk === null) settle(unknown);
  };
  const onClose = (): void => {
    bytes = Buffer.alloc(0);
    socket.destroy();
    settle(undefined);
  };
  socket.on('readable', onReadable);
  socket.on('close', onClose);
  socket.on('error', onClose);
  return () => settle(unknown);
}
