// What Bookinfo's four programs share: a small HTTP server, calls that pass on who asks and which trace it belongs to,
// and an orderly end. Calls leave by HTTP_PROXY, as any program's do that honours the standard variables.
import http from 'node:http';
import { parseArgs } from 'node:util';

export interface Reply {
  status: number;
  headers?: Record<string, string | string[]>;
  body: string;
}

export type Handler = (request: http.IncomingMessage, url: URL, body: string) => Promise<Reply> | Reply;

const bodyBytesMax = 64 * 1024;

/** Serves on `--host` and `--port` until SIGTERM, then lets what is under way finish. */
export function serve(name: string, handler: Handler): void {
  const { values } = parseArgs({ options: { host: { type: 'string', default: '0.0.0.0' }, port: { type: 'string', default: '9080' } } });
  const server = http.createServer((request, response) => void answer(handler, request, response));
  server.keepAliveTimeout = 120_000;
  server.listen(Number(values.port), values.host, () => console.log(`${name} serves on ${values.host}:${values.port}`));
  process.once('SIGTERM', () => {
    server.close(() => process.exit(0));
    server.closeIdleConnections();
    setTimeout(() => process.exit(0), 2_000).unref();
  });
}

async function answer(handler: Handler, request: http.IncomingMessage, response: http.ServerResponse): Promise<void> {
  let reply: Reply;
  try {
    const body = await readBody(request);
    reply = await handler(request, new URL(request.url ?? '/', 'http://bookinfo'), body);
  } catch (error) {
    reply = error instanceof BodyTooLarge ? tooLarge : json(500, { error: error instanceof Error ? error.message : 'failed' });
  }
  response.writeHead(reply.status, { ...reply.headers, 'content-length': Buffer.byteLength(reply.body) });
  response.end(request.method === 'HEAD' ? undefined : reply.body);
}

class BodyTooLarge extends Error {}

/** The rest of the body is not read, so that the connection is of no more use. */
const tooLarge: Reply = { status: 413, headers: { connection: 'close' }, body: `at most ${bodyBytesMax} bytes` };

async function readBody(request: http.IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request) {
    size += (chunk as Buffer).length;
    if (size > bodyBytesMax) throw new BodyTooLarge();
    chunks.push(chunk as Buffer);
  }
  return Buffer.concat(chunks).toString('utf8');
}

export function json(status: number, value: unknown): Reply {
  return { status, headers: { 'content-type': 'application/json' }, body: JSON.stringify(value) };
}

/** What a service must pass on for a request to be one trace, and for routing by user to reach every hop. */
const propagated = [
  'x-request-id',
  'traceparent',
  'tracestate',
  'b3',
  'x-b3-traceid',
  'x-b3-spanid',
  'x-b3-parentspanid',
  'x-b3-sampled',
  'x-b3-flags',
  'x-ot-span-context',
  'x-datadog-trace-id',
  'x-datadog-parent-id',
  'x-datadog-sampling-priority',
  'grpc-trace-bin',
  'x-cloud-trace-context',
  'sw8',
  'user-agent',
  'cookie',
  'authorization',
  'jwt',
  'end-user',
];

export function propagatedHeaders(request: http.IncomingMessage): Record<string, string> {
  const headers: Record<string, string> = {};
  for (const name of propagated) {
    const value = request.headers[name];
    if (typeof value === 'string') headers[name] = value;
  }
  return headers;
}

const agent = new http.Agent({ keepAlive: true, maxSockets: 64 });
const proxy = process.env['HTTP_PROXY'] ?? process.env['http_proxy'];

/** GET with a deadline; rejects when there is no answer in time. */
export function get(target: string, headers: Record<string, string>, timeoutMs: number): Promise<{ status: number; body: string }> {
  const url = new URL(target);
  const via = proxy === undefined ? url : new URL(proxy);
  return new Promise((resolve, reject) => {
    const request = http.get(
      {
        host: via.hostname,
        port: via.port || 80,
        path: proxy === undefined ? url.pathname + url.search : target,
        headers: { ...headers, host: url.host },
        agent,
        signal: AbortSignal.timeout(timeoutMs),
      },
      (response) => {
        const chunks: Buffer[] = [];
        response.on('data', (chunk: Buffer) => chunks.push(chunk));
        response.on('error', reject);
        response.on('end', () => resolve({ status: response.statusCode ?? 0, body: Buffer.concat(chunks).toString('utf8') }));
      },
    );
    request.on('error', reject);
  });
}
