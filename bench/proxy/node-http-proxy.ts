// A proxy as one writes it with `node:http`: request id, x-forwarded-for, connections kept. `node node-http-proxy.js PORT BACKEND-PORT`
import { randomUUID } from 'node:crypto';
import { Agent, createServer, request } from 'node:http';

const [port, backendPort] = process.argv.slice(2).map(Number);
const agent = new Agent({ keepAlive: true, maxSockets: 256, maxFreeSockets: 256 });

createServer((incoming, outgoing) => {
  const headers = { ...incoming.headers, 'x-request-id': randomUUID(), 'x-forwarded-for': incoming.socket.remoteAddress ?? '' };
  delete headers.connection;
  const { method, url: path } = incoming;
  const upstream = request({ host: '127.0.0.1', port: backendPort, method, path, headers, agent }, (response) => {
    const { connection, 'keep-alive': keepAlive, ...rest } = response.headers;
    outgoing.writeHead(response.statusCode ?? 502, rest);
    response.pipe(outgoing);
  });
  upstream.on('error', () => outgoing.writeHead(502).end());
  if (method === 'GET' || method === 'HEAD') upstream.end();
  else incoming.pipe(upstream);
}).listen(port, '127.0.0.1');
