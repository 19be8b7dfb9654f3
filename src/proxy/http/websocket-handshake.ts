// The handshake of WebSocket, where one side of the proxy does not have it: over HTTP/2 (RFC 8441) the key and its answer are left out,
// HTTP/1 (RFC 6455 section 4) cannot do without. Pure.
import { createHash } from 'node:crypto';
import type { Head, RequestHead } from './head.ts';

const answerSuffix = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11';

/** Gives a request a key, should its upstream speak HTTP/1. `uuid`: 16 random bytes, in that form. */
export function addWebSocketKey(request: RequestHead, uuid: string): void {
  if (request.upgrade !== 'websocket' || request.has('sec-websocket-key')) return;
  request.append('sec-websocket-key', Buffer.from(uuid.replaceAll('-', ''), 'hex').toString('base64'));
}

/** Answers `key` in the place of an upstream that speaks HTTP/2. */
export function addWebSocketAccept(response: Head, key: string): void {
  if (response.has('sec-websocket-accept')) return;
  const accept = createHash('sha1')
    .update(key + answerSuffix)
    .digest('base64');
  response.append('sec-websocket-accept', accept);
}
