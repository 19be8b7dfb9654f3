// The program of a workload in the traffic tables: a small HTTP server that answers with what it was asked, or badly.
import http from 'node:http';
import http2 from 'node:http2';
import https from 'node:https';
import net, { type ListenOptions } from 'node:net';
import type { TLSSocket } from 'node:tls';
import type { Seen, Server, Workload } from './traffic-mesh.ts';

/** Resolves when it listens. `note`: hears of each request. */
export async function startHttpEcho(workload: Workload, at: ListenOptions, note: (seen: Seen) => void): Promise<Server> {
  const sockets = new Set<net.Socket>();
  const server = serverOf(workload, listenerOf(workload, note));
  server.on('connection', (socket: net.Socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(at, resolve);
  });
  return {
    close: () => {
      for (const socket of sockets) socket.destroy();
      return new Promise((resolve) => server.close(() => resolve()));
    },
  };
}

function serverOf({ speaks = 'http' }: Workload, onRequest: http.RequestListener): net.Server {
  if (speaks === 'http') return http.createServer(onRequest);
  if (speaks === 'http2') return http2.createServer(onRequest as never);
  if (speaks === 'proxy protocol') return behindProxyHeader(http.createServer(onRequest));
  const { certificate: cert, key, authority: ca } = speaks;
  return https.createServer({ cert, key, ca, requestCert: true, rejectUnauthorized: false }, onRequest);
}

const proxyHeaders = new WeakMap<net.Socket, string>();
const binarySignature = Buffer.from('0d0a0d0a000d0a515549540a', 'hex');

/** Of either version of the PROXY protocol, in one piece as it comes on one machine; who does not begin with it is not served. */
function behindProxyHeader(server: http.Server): net.Server {
  return net.createServer((socket) => {
    socket.once('error', () => socket.destroy());
    socket.once('data', (first) => {
      const binary = first.subarray(0, binarySignature.length).equals(binarySignature);
      const length = binary ? 16 + first.readUInt16BE(14) : first.indexOf('\r\n') + 2;
      if (!binary && !first.toString('latin1').startsWith('PROXY ')) {
        socket.destroy();
        return;
      }
      proxyHeaders.set(socket, binary ? 'binary' : first.toString('latin1', 0, length - 2).replace(/ \d+ \d+$/, ''));
      if (length < first.length) socket.unshift(first.subarray(length));
      server.emit('connection', socket);
    });
  });
}

function listenerOf({ name, answer, load }: Workload, note: (seen: Seen) => void): http.RequestListener {
  if (answer === 'silence') return () => {};
  if (answer !== undefined) return (_, response) => response.writeHead(answer.status ?? 503, answer.headers).end(answer.failure);
  return (request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const { method = '', url = '', headers, socket, httpVersion } = request;
      const body = Buffer.concat(chunks).toString('utf8');
      const seen: Seen = {
        workload: name,
        method,
        url,
        headers,
        body,
        clientPort: socket.remotePort ?? 0,
        httpVersion,
        ...secured(socket),
      };
      const proxied = proxyHeaders.get(socket);
      if (proxied !== undefined) seen.proxyHeader = proxied;
      note(seen);
      const report = load === undefined ? {} : { 'endpoint-load-metrics': load };
      response.writeHead(200, { 'content-type': 'application/json', 'x-echo': '1', ...report }).end(JSON.stringify(seen));
    });
  };
}

function secured(socket: net.Socket): Pick<Seen, 'serverName' | 'clientName'> {
  if (!('encrypted' in socket)) return {};
  const { servername, getPeerCertificate } = socket as TLSSocket & { servername: string | false };
  const client = getPeerCertificate.call(socket as TLSSocket)?.subject?.CN;
  return { serverName: servername || '', ...(client !== undefined && { clientName: String(client) }) };
}
