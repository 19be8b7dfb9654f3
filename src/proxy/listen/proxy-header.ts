// Takes the PROXY header off an accepted connection: what Envoy's proxy_protocol listener filter does. What follows the header is put back.
import type { Socket } from 'node:net';
import { type ParsedProxyHeader, type ProxiedConnection, parseProxyHeader } from '#codec/proxy-protocol/header';
import type { ProxyProtocolConfig } from '#proxy/config/listener';

/** `seen`: there is nothing to be heard of another connection. */
export type ProxyHeader = { kind: 'proxied'; connection: ProxiedConnection } | { kind: 'seen' } | { kind: 'refused' };

/** Undefined: more bytes are needed. */
function judge(parsed: ParsedProxyHeader, { optional, disallowed }: ProxyProtocolConfig): ProxyHeader | undefined {
  switch (parsed.kind) {
    case 'incomplete':
      return undefined;
    case 'absent':
      return optional ? { kind: 'seen' } : { kind: 'refused' };
    case 'malformed':
      return { kind: 'refused' };
    case 'header':
      if (disallowed.includes(parsed.version)) return { kind: 'refused' };
      return parsed.connection ? { kind: 'proxied', connection: parsed.connection } : { kind: 'seen' };
  }
}

/**
 * Calls `done` once, unless the socket ends before that. Until then nothing else may read from the socket; the caller listens for `close`,
 * and bounds the time.
 */
export function readProxyHeader(socket: Socket, config: ProxyProtocolConfig, done: (header: ProxyHeader) => void): void {
  let bytes = Buffer.alloc(0);
  const onReadable = (): void => {
    const chunk = socket.read() as Buffer | null;
    if (chunk !== null) bytes = Buffer.concat([bytes, chunk]);
    const parsed = parseProxyHeader(bytes);
    const header = judge(parsed, config) ?? (socket.readableEnded ? { kind: 'refused' } : undefined);
    if (header === undefined) return;
    socket.off('readable', onReadable);
    const rest = parsed.kind === 'header' ? bytes.subarray(parsed.length) : bytes;
    if (rest.length > 0) socket.unshift(rest);
    done(header);
  };
  socket.on('readable', onReadable);
}
