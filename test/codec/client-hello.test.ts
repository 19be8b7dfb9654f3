import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { type ConnectionOptions, connect } from 'node:tls';
import fc from 'fast-check';
import { beforeAll, describe, expect, test } from 'vitest';
import { parseClientHello } from '#codec/tls/client-hello';

/** The first bytes that Node's own client sends. */
async function helloOf(options: ConnectionOptions): Promise<Buffer> {
  const server = createServer();
  try {
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const client = connect({ host: '127.0.0.1', port: (server.address() as AddressInfo).port, ...options });
    client.on('error', () => {});
    const [socket] = (await once(server, 'connection')) as [Socket];
    const [bytes] = (await once(socket, 'data')) as [Buffer];
    client.destroy();
    socket.destroy();
    return bytes;
  } finally {
    server.close();
  }
}

/** The same message in records of at most `size` bytes. */
function inRecords(hello: Buffer, size: number): Buffer {
  const message = hello.subarray(5);
  const records: Buffer[] = [];
  for (let i = 0; i < message.length; i += size) {
    const part = message.subarray(i, i + size);
    records.push(Buffer.from([22, 3, 1, part.length >> 8, part.length & 255]), part);
  }
  return Buffer.concat(records);
}

let hello: Buffer;
beforeAll(async () => {
  hello = await helloOf({ servername: 'Bookinfo.test', ALPNProtocols: ['h2', 'http/1.1'] });
});

describe('a ClientHello', () => {
  const found = { kind: 'hello', hello: { serverName: 'bookinfo.test', applicationProtocols: ['h2', 'http/1.1'] } };

  test('is read, whatever follows it', () => {
    expect(parseClientHello(hello)).toEqual(found);
    expect(parseClientHello(Buffer.concat([hello, Buffer.from('more')]))).toEqual(found);
  });

  test('is incomplete until its last byte has come', () => {
    for (let length = 0; length < hello.length; length++) {
      expect(parseClientHello(hello.subarray(0, length)), `${length} bytes`).toEqual({ kind: 'incomplete' });
    }
  });

  test.each([1, 3, 50, 200])('may come in records of %i bytes', (size) => {
    expect(parseClientHello(inRecords(hello, size))).toEqual(found);
  });

  test('without a name and protocols is one too', async () => {
    const bare = await helloOf({ servername: '', maxVersion: 'TLSv1.2' });
    expect(parseClientHello(bare)).toEqual({ kind: 'hello', hello: { serverName: '', applicationProtocols: [] } });
  });
});

test.each<{ what: string; bytes: () => Buffer }>([
  { what: 'HTTP', bytes: () => Buffer.from('GET / HTTP/1.1\r\n') },
  { what: 'one byte of something else', bytes: () => Buffer.from('S') },
  { what: 'a record that is not of a handshake', bytes: () => Buffer.from([23, 3, 3, 0, 1, 1]) },
  { what: 'another version of records', bytes: () => Buffer.from([22, 9]) },
  { what: 'an empty record', bytes: () => Buffer.from([22, 3, 1, 0, 0]) },
  { what: 'a record that is too long', bytes: () => Buffer.from([22, 3, 1, 0xff, 0xff]) },
  { what: 'another handshake message', bytes: () => Buffer.from([22, 3, 1, 0, 4, 2, 0, 0, 0]) },
  { what: 'a message that is too long', bytes: () => Buffer.from([22, 3, 1, 0, 4, 1, 1, 0, 0]) },
  { what: 'a message that ends in the middle', bytes: () => Buffer.from([22, 3, 1, 0, 6, 1, 0, 0, 2, 3, 3]) },
])('$what is no ClientHello', ({ bytes }) => {
  expect(parseClientHello(bytes())).toEqual({ kind: 'other' });
});

test('damage is never an exception, and random bytes are never a hello', () => {
  fc.assert(
    fc.property(fc.nat(), fc.nat(255), fc.nat(), (at, byte, cut) => {
      const damaged = Buffer.from(hello);
      damaged[at % damaged.length] = byte;
      const result = parseClientHello(damaged.subarray(0, cut % (damaged.length + 1)));
      expect(['hello', 'incomplete', 'other']).toContain(result.kind);
    }),
    { seed: 1, numRuns: 2000 },
  );
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => parseClientHello(Buffer.from(bytes)).kind !== 'hello'),
    { seed: 2, numRuns: 2000 },
  );
});
