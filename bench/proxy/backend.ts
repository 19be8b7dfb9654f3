// A backend for machines without nginx: answers every request on a raw socket with 1 KB. `node backend.js PORT`
import { createServer } from 'node:net';
import { bodyBytes } from './peers.ts';

const [port] = process.argv.slice(2).map(Number);
const response = Buffer.from(`HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: ${bodyBytes}\r\n\r\n${'x'.repeat(bodyBytes)}`);
const headEnd = Buffer.from('\r\n\r\n');

createServer({ noDelay: true }, (socket) => {
  let rest = Buffer.alloc(0);
  socket.on('error', () => socket.destroy());
  socket.on('data', (data) => {
    rest = rest.length === 0 ? data : Buffer.concat([rest, data]);
    for (let end = rest.indexOf(headEnd); end >= 0; end = rest.indexOf(headEnd)) {
      rest = rest.subarray(end + headEnd.length);
      socket.write(response);
    }
  });
}).listen(port, '127.0.0.1', 4096);
