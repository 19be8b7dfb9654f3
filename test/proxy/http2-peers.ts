// HTTP/2 peers of Node's own making, for both ends of a proxy.
import {
  type ClientHttp2Session,
  type ClientHttp2Stream,
  connect,
  createServer,
  type IncomingHttpHeaders,
  type ServerHttp2Stream,
} from 'node:http2';
import type { AddressInfo } from 'node:net';

export interface Http2Peer {
  port: number;
  requests: { headers: IncomingHttpHeaders; body: string; trailers: IncomingHttpHeaders | undefined }[];
  /** Connections so far. */
  sessions: number;
  close(): Promise<void>;
}

type Serve = (stream: ServerHttp2Stream, headers: IncomingHttpHeaders, body: string) => void;

/** A server without TLS that answers each request once it has come whole. */
export async function http2Peer(
  serve: Serve,
  settings: { maxConcurrentStreams?: number; enableConnectProtocol?: boolean } = {},
): Promise<Http2Peer> {
  const server = createServer({ settings });
  const open = new Set<{ destroy(): void }>();
  const peer: Http2Peer = {
    port: 0,
    requests: [],
    sessions: 0,
    close: () => {
      for (const session of open) session.destroy();
      return new Promise((resolve) => server.close(() => resolve()));
    },
  };
  server.on('session', (session) => {
    peer.sessions++;
    open.add(session);
    session.on('error', () => {});
    session.on('close', () => open.delete(session));
  });
  server.on('stream', (stream, headers) => {
    let body = '';
    const request = { headers, body, trailers: undefined as IncomingHttpHeaders | undefined };
    peer.requests.push(request);
    stream.on('error', () => {});
    stream.on('trailers', (trailers) => {
      request.trailers = trailers;
    });
    stream.on('data', (data) => {
      body += data;
    });
    stream.on('end', () => {
      request.body = body;
      if (!stream.destroyed) serve(stream, headers, body);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  peer.port = (server.address() as AddressInfo).port;
  return peer;
}

export interface Http2Answer {
  status: number;
  headers: IncomingHttpHeaders;
  informational: number[];
  body: string;
  trailers: IncomingHttpHeaders;
}

/** A client of one connection. */
export class Http2Client {
  private constructor(readonly session: ClientHttp2Session) {
    session.on('error', () => {});
  }

  static async connect(port: number): Promise<Http2Client> {
    const session = connect(`http://127.0.0.1:${port}`);
    await new Promise((resolve, reject) => session.once('connect', resolve).once('error', reject));
    return new Http2Client(session);
  }

  /** Sends a request and resolves with all of its answer; rejects when the stream is reset. */
  ask(headers: Record<string, string>, body?: string | Buffer): Promise<Http2Answer> {
    return answerOf(this.session.request(headers, { endStream: body === undefined }), (stream) => {
      if (body !== undefined) stream.end(body);
    });
  }

  close(): void {
    this.session.destroy();
  }
}

export function answerOf(stream: ClientHttp2Stream, send: (stream: ClientHttp2Stream) => void = () => {}): Promise<Http2Answer> {
  return new Promise((resolve, reject) => {
    const answer: Http2Answer = { status: 0, headers: {}, informational: [], body: '', trailers: {} };
    stream.on('headers', (headers) => answer.informational.push(headers[':status']!));
    stream.on('response', (headers) => {
      answer.status = headers[':status']!;
      answer.headers = headers;
    });
    stream.on('trailers', (trailers) => {
      answer.trailers = trailers;
    });
    stream.on('data', (data) => {
      answer.body += data;
    });
    stream.on('error', reject);
    stream.on('close', () => (stream.rstCode === 0 ? resolve(answer) : reject(new Error(`reset ${stream.rstCode}`))));
    send(stream);
  });
}

/** A server without TLS that answers every request at once, and sends back what it gets. */
export async function http2TunnelPeer(): Promise<{ port: number; heads: IncomingHttpHeaders[]; sessions: number; close(): Promise<void> }> {
  const server = createServer();
  const open = new Set<{ destroy(): void }>();
  const heads: IncomingHttpHeaders[] = [];
  const peer = {
    port: 0,
    heads,
    sessions: 0,
    close: () => {
      for (const session of open) session.destroy();
      return new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
  server.on('session', (session) => {
    peer.sessions++;
    open.add(session);
    session.on('error', () => {});
  });
  server.on('stream', (stream, headers) => {
    heads.push(headers);
    stream.on('error', () => {});
    stream.respond({ ':status': 200 });
    stream.pipe(stream);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  peer.port = (server.address() as AddressInfo).port;
  return peer;
}
