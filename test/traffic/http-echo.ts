// The program of a workload in the traffic tables: a small HTTP server that answers with what it was asked, or badly.
import http from 'node:http';
import type { ListenOptions } from 'node:net';
import type { Seen, Server, Workload } from './traffic-mesh.ts';

/** Resolves when it listens. `note`: hears of each request. */
export async function startHttpEcho(workload: Workload, at: ListenOptions, note: (seen: Seen) => void): Promise<Server> {
  const server = http.createServer(listenerOf(workload, note));
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(at, resolve);
  });
  return {
    close: () => {
      server.closeAllConnections();
      return new Promise((resolve) => server.close(() => resolve()));
    },
  };
}

function listenerOf({ name, answer, load }: Workload, note: (seen: Seen) => void): http.RequestListener {
  if (answer === 'silence') return () => {};
  if (answer !== undefined) return (_, response) => response.writeHead(answer.status ?? 503).end(answer.failure);
  return (request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const { method = '', url = '', headers } = request;
      const clientPort = request.socket.remotePort ?? 0;
      const seen = { workload: name, method, url, headers, body: Buffer.concat(chunks).toString('utf8'), clientPort };
      note(seen);
      const report = load === undefined ? {} : { 'endpoint-load-metrics': load };
      response.writeHead(200, { 'content-type': 'application/json', 'x-echo': '1', ...report }).end(JSON.stringify(seen));
    });
  };
}
