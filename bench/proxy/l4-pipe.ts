// The floor for a proxy in Node: bytes from socket to socket, nothing parsed. `node l4-pipe.js PORT BACKEND-PORT`
import { connect, createServer } from 'node:net';

const [port, backendPort] = process.argv.slice(2).map(Number);

createServer({ noDelay: true }, (client) => {
  const upstream = connect({ port: backendPort!, host: '127.0.0.1', noDelay: true });
  client.pipe(upstream);
  upstream.pipe(client);
  client.on('error', () => upstream.destroy());
  upstream.on('error', () => client.destroy());
}).listen(port, '127.0.0.1', 4096);
