// The traffic that must not notice: HTTP/1.1 and HTTP/2 in the clear and over TLS, small answers and uploads that come back, checked whole.
import { Agent, request } from 'node:http';
import { type ClientHttp2Session, connect as connectHttp2 } from 'node:http2';
import { Agent as TlsAgent, request as tlsRequest } from 'node:https';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Doors } from './abuse.ts';

export interface Tally {
  good: number;
  /** In words; the first hundred. */
  failures: string[];
}

const upload = Buffer.alloc(20_000, 'upload ');
const pauseMs = 20;
const failuresMax = 100;

interface Answer {
  status: number;
  body: Buffer;
}

type Ask = (path: string, body: Buffer | undefined) => Promise<Answer>;

/** Runs until `signal`; each worker asks one thing after another. */
export async function runGoodTraffic(doors: Doors, ca: Buffer, tally: Tally, signal: AbortSignal): Promise<void> {
  const [agent, tlsAgent] = [new Agent({ keepAlive: true }), new TlsAgent({ keepAlive: true, ca, servername: 'bench.test' })];
  const http2 = [
    connectHttp2(`http://127.0.0.1:${doors.plain}`),
    connectHttp2(`https://127.0.0.1:${doors.tls}`, { ca, servername: 'bench.test' }),
  ];
  for (const session of http2) session.on('error', (error) => note(tally, `HTTP/2 connection: ${error.message}`));
  const asks: Record<string, Ask> = {
    'HTTP/1.1': askHttp1(request, agent, doors.plain),
    'HTTP/1.1, TLS': askHttp1(tlsRequest, tlsAgent, doors.tls),
    'HTTP/2': askHttp2(http2[0]!),
    'HTTP/2, TLS': askHttp2(http2[1]!),
  };
  try {
    await Promise.all(Object.entries(asks).flatMap(([name, ask]) => [work(name, ask, tally, signal), work(name, ask, tally, signal)]));
  } finally {
    agent.destroy();
    tlsAgent.destroy();
    for (const session of http2) session.destroy();
  }
}

async function work(name: string, ask: Ask, tally: Tally, signal: AbortSignal): Promise<void> {
  for (let i = 0; !signal.aborted; i++) {
    const body = i % 3 === 0 ? upload : undefined;
    try {
      const answer = await ask(body ? '/echo' : '/1k', body);
      if (answer.status !== 200) note(tally, `${name}: status ${answer.status}`);
      else if (answer.body.length !== (body?.length ?? 1024)) note(tally, `${name}: ${answer.body.length} bytes`);
      else tally.good++;
    } catch (thrown) {
      note(tally, `${name}: ${(thrown as Error).message}`);
    }
    await sleep(pauseMs);
  }
}

function note(tally: Tally, failure: string): void {
  if (tally.failures.length < failuresMax) tally.failures.push(failure);
}

function askHttp1(send: typeof request, agent: Agent, port: number): Ask {
  return (path, body) =>
    new Promise((resolve, reject) => {
      const options = { host: '127.0.0.1', port, path, agent, method: body ? 'POST' : 'GET', headers: { host: '127.0.0.1' } };
      const asked = send({ ...options, ...(body && { headers: { ...options.headers, 'content-length': body.length } }) }, (response) => {
        const parts: Buffer[] = [];
        response.on('data', (part: Buffer) => parts.push(part));
        response.on('error', reject);
        response.on('end', () => resolve({ status: response.statusCode ?? 0, body: Buffer.concat(parts) }));
      });
      asked.on('error', reject);
      asked.end(body);
    });
}

function askHttp2(session: ClientHttp2Session): Ask {
  return (path, body) =>
    new Promise((resolve, reject) => {
      const stream = session.request({ ':path': path, ':method': body ? 'POST' : 'GET' }, { endStream: body === undefined });
      const parts: Buffer[] = [];
      let status = 0;
      stream.on('response', (headers) => {
        status = headers[':status'] ?? 0;
      });
      stream.on('data', (part: Buffer) => parts.push(part));
      stream.on('error', reject);
      stream.on('end', () => resolve({ status, body: Buffer.concat(parts) }));
      if (body) stream.end(body);
    });
}
