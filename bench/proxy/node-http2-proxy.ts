// What Node's own modules give: HTTP/2 in, HTTP/1.1 out over kept connections. `node node-http2-proxy.js PORT BACKEND-PORT`
import { Agent, request } from 'node:http';
import { createServer } from 'node:http2';

const [port, backendPort] = process.argv.slice(2).map(Number);
const agent = new Agent({ keepAlive: true, maxSockets: 256 });

createServer((incoming, outgoing) => {
  const headers = Object.fromEntries(Object.entries(incoming.headers).filter(([name]) => !name.startsWith(':')));
  const asked = request(
    { port: backendPort!, host: '127.0.0.1', method: incoming.method, path: incoming.url, headers, agent },
    (answer) => {
      const { connection: _, 'keep-alive': __, 'transfer-encoding': ___, ...kept } = answer.headers;
      outgoing.writeHead(answer.statusCode ?? 502, kept);
      answer.pipe(outgoing);
    },
  );
  asked.on('error', () => outgoing.destroy());
  incoming.pipe(asked);
}).listen(port, '127.0.0.1', 4096);
