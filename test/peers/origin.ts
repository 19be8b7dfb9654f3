// What every pair asks for in the end: a small and a large answer, one in chunks with a trailer, and one's own body back. Node's servers.
import { createServer as createHttp, type IncomingMessage, type ServerResponse } from 'node:http';
import {
  createServer as createHttp2,
  createSecureServer as createSecureHttp2,
  type Http2ServerRequest,
  type Http2ServerResponse,
} from 'node:http2';
import { createServer as createHttps } from 'node:https';
import type { AddressInfo, Server, Socket } from 'node:net';
import type { IssuedCertificate } from '../certificates.ts';

export const small = 'hello, peer\n';
/** 1 MB in which no two places are alike. */
export const large = Buffer.from(
  Array.from({ length: 131_072 }, (_, i) => i.toString(36).padStart(7, '.'))
    .join('\n')
    .padEnd(1_048_576, '#'),
);

type Request = IncomingMessage | Http2ServerRequest;
type Response = ServerResponse | Http2ServerResponse;

export interface Origin {
  port: number;
  close(): Promise<void>;
}

/** `secured`: over TLS, with that certificate. */
export async function startOrigin(protocol: 'http1' | 'http2', secured?: IssuedCertificate): Promise<Origin> {
  const tls = secured && { cert: secured.certificate, key: secured.key };
  const serve = (request: Request, response: Response) => answer(request, response as ServerResponse);
  const server: Server =
    protocol === 'http1' ? (tls ? createHttps(tls, serve) : createHttp(serve)) : tls ? createSecureHttp2(tls, serve) : createHttp2(serve);
  const sockets = new Set<Socket>();
  server.on(tls ? 'secureConnection' : 'connection', (socket: Socket) => {
    sockets.add(socket);
    socket.on('error', () => {});
    socket.on('close', () => sockets.delete(socket));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    port: (server.address() as AddressInfo).port,
    close: () => {
      for (const socket of sockets) socket.destroy();
      return new Promise((resolve) => server.close(() => resolve()));
    },
  };
}

function answer(request: Request, response: ServerResponse): void {
  switch (request.url?.split('?')[0]) {
    case '/small':
      response.writeHead(200, { 'content-type': 'text/plain', 'content-length': small.length }).end(small);
      return;
    case '/large':
      response.writeHead(200, { 'content-type': 'application/octet-stream', 'content-length': large.length }).end(large);
      return;
    case '/chunked':
      response.writeHead(200, { 'content-type': 'text/plain', trailer: 'x-end' });
      for (const part of small) response.write(part);
      response.addTrailers({ 'x-end': 'true' });
      response.end();
      return;
    case '/echo':
      response.writeHead(200, { 'content-type': 'application/octet-stream' });
      request.pipe(response);
      return;
    case '/events':
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      for (let i = 0; i < 5; i++) response.write(`data: ${i}\n\n`);
      return;
    case '/nothing':
      response.writeHead(204).end();
      return;
    case '/':
      response.writeHead(200, { 'content-type': 'text/html' }).end('<!doctype html><title>peer</title>');
      return;
    default:
      response.writeHead(404, { 'content-length': 0 }).end();
  }
}
