// The program of a workload, for clients that speak gRPC to it: every method of every service answers with what was called.
import http2 from 'node:http2';
import type { ListenOptions } from 'node:net';
import type { Seen, Server, Workload } from './traffic-mesh.ts';

const unavailable = '14';
const messagePrefixBytes = 5;

/** Resolves when it listens. `note`: hears of each call. */
export async function startGrpcEcho(workload: Workload, at: ListenOptions, note: (seen: Seen) => void): Promise<Server> {
  const sessions = new Set<http2.ServerHttp2Session>();
  const server = http2.createServer();
  server.on('session', (session) => {
    sessions.add(session);
    session.once('close', () => sessions.delete(session));
  });
  server.on('stream', (stream, headers) => {
    stream.on('error', () => {}); // the client has given up
    stream.resume();
    stream.once('end', () => answer(workload, stream, headers, note));
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(at, resolve);
  });
  return {
    close: () => {
      for (const session of sessions) session.destroy();
      return new Promise((resolve) => server.close(() => resolve()));
    },
  };
}

function answer(
  { name, answer: way }: Workload,
  stream: http2.ServerHttp2Stream,
  headers: http2.IncomingHttpHeaders,
  note: (seen: Seen) => void,
) {
  if (way === 'silence' || stream.destroyed) return;
  const grpc = { ':status': 200, 'content-type': 'application/grpc' };
  if (way !== undefined) {
    stream.respond({ ...grpc, 'grpc-status': unavailable, 'grpc-message': encodeURIComponent(way.failure) }, { endStream: true });
    return;
  }
  const { ':path': url = '', ':method': method = '', ':authority': authority = '', ...rest } = headers;
  const clientPort = stream.session?.socket.remotePort ?? 0;
  const seen: Seen = { workload: name, method, url, headers: { ...rest, host: authority }, body: '', clientPort };
  note(seen);
  const message = Buffer.from(JSON.stringify(seen));
  const framed = Buffer.alloc(messagePrefixBytes + message.length);
  framed.writeUInt32BE(message.length, 1);
  message.copy(framed, messagePrefixBytes);
  stream.respond(grpc, { waitForTrailers: true });
  stream.once('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }));
  stream.end(framed);
}
