import { once } from 'node:events';
import { type AddressInfo, connect as connectTcp, createServer as createTcpServer, type Server, type Socket } from 'node:net';
import { connect, createServer } from 'node:tls';
import { afterEach, beforeAll, describe, expect, test } from 'vitest';
import { SeededRandom } from '#foundation/random';
import { openAccepted } from '#proxy/socket/accepted-socket';
import { DirectWriter } from '#proxy/socket/direct-write';
import { ReadBuffers, SocketReader } from '#proxy/socket/read-buffers';
import { type IssuedCertificate, TestAuthority } from '../certificates.ts';
import { closer } from './fixture.ts';

const open = closer();
afterEach(() => open.closeAll());

let own: IssuedCertificate;
beforeAll(async () => {
  own = await (await TestAuthority.create()).issue({ commonName: 'a', dnsNames: ['a'] });
});

const opened = (socket: Socket): Socket => {
  socket.on('error', () => {});
  open.add({ close: () => void socket.destroy() });
  return socket;
};

/** Two ends of a connection: who accepted, and who connected. */
async function pair(kind: 'tcp' | 'tls'): Promise<[Socket, Socket]> {
  const secure = kind === 'tls';
  const server: Server = secure ? createServer({ cert: own.certificate, key: own.key }) : createTcpServer({ pauseOnConnect: true });
  open.add({ close: () => void server.close() });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const to = { host: '127.0.0.1', port: (server.address() as AddressInfo).port };
  const accepted = once(server, secure ? 'secureConnection' : 'connection');
  const client = opened(secure ? connect({ ...to, rejectUnauthorized: false }) : connectTcp(to));
  const [socket] = (await accepted) as [Socket];
  return [opened(socket), client];
}

describe('what a socket reads into', () => {
  /** The reads of one socket by their lengths, each with the buffer that it was into. */
  function reading(buffers: ReadBuffers) {
    const into: Buffer[] = [];
    const reader = new SocketReader(buffers, (buffer) => into.push(buffer));
    const { buffer: next, callback } = reader.options();
    let current = (next as () => Buffer)();
    const read = (length: number): Buffer => {
      callback(length, current);
      current = (next as () => Buffer | undefined)() ?? current;
      return into.at(-1)!;
    };
    return { reader, read };
  }

  test('is shared by all, until a large message; the next may be large as well', () => {
    const buffers = new ReadBuffers();
    const { read, reader } = reading(buffers);
    const kinds = [100, 20_000, 100, 100, 20_000, 100].map((length) => (read(length) === buffers.shared ? 'shared' : 'own'));
    expect(kinds).toEqual(['shared', 'shared', 'own', 'shared', 'shared', 'own']);
    reader.release();
  });

  test('is one of its own for few of those who only may need it', () => {
    const buffers = new ReadBuffers();
    const readers = Array.from({ length: 100 }, () => reading(buffers));
    for (const { read } of readers) read(20_000);
    const own = readers.filter(({ read }) => read(20_000) !== buffers.shared);
    expect(own).toHaveLength(16);
    for (const { reader } of readers) reader.release();
    expect(buffers.plenty).toBe(true);
  });
});

describe.each(['tcp', 'tls'] as const)('over %s', (kind) => {
  test('an accepted connection reads into the buffers of its proxy', async () => {
    const buffers = new ReadBuffers();
    const [accepted, client] = await pair(kind);
    const { reader, socket } = openAccepted(accepted, buffers);
    opened(socket);
    let text = '';
    let foreign = 0;
    const heard = new Promise<void>((resolve) => {
      reader.onData = (buffer, length) => {
        if (buffer !== buffers.shared && !buffers.mayLend(buffer)) foreign++;
        text += buffer.toString('latin1', 0, length);
        if (text.length === 100_005) resolve();
      };
    });
    client.write('early');
    client.write('x'.repeat(100_000));
    await heard;
    expect(foreign).toBe(0);
  });

  test.each([1, 2, 3])('what is written arrives whole and in order, and then the end: seed %i', async (seed) => {
    const random = new SeededRandom(seed);
    const [socket, client] = await pair(kind);
    const writer = new DirectWriter(socket);
    let sent = '';
    let taken = 0;
    const count = 60;
    for (let i = 0; i < count; i++) {
      const text = `${i},`.repeat(1 + Math.floor(random.next() ** 4 * 40_000));
      sent += text;
      if (random.next() < 0.2) {
        writer.hold();
        socket.cork();
        socket.write(text, () => taken++);
        socket.uncork();
      } else {
        writer.write(random.next() < 0.5 ? text : Buffer.from(text), () => taken++);
      }
      if (random.next() < 0.2) await new Promise((resolve) => setImmediate(resolve));
    }
    writer.finally(() => socket.end());
    let received = '';
    client.on('data', (data) => (received += data));
    await once(client, 'end');
    expect(received === sent).toBe(true);
    expect(taken).toBe(count);
    expect(writer.pendingBytes).toBe(0);
  });
});
