// SPDY/3.1 as kubectl speaks it: frames out of bytes however they are cut, and headers of a connection that is not trusted.
import { Duplex } from 'node:stream';
import zlib from 'node:zlib';
import { expect, test } from 'vitest';
import { spdyDictionary } from '#codec/spdy/dictionary';
import { readHeaderBlock, SpdyFrames, spdyFrame } from '#codec/spdy/frame';
import { SpdyConnection, type SpdyStream } from '#net/spdy-connection';

const word = (value: number) => {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
};
const text = (value: string) => Buffer.concat([word(value.length), Buffer.from(value)]);
const headerBlock = (headers: Record<string, string>) =>
  Buffer.concat([word(Object.keys(headers).length), ...Object.entries(headers).flat().map(text)]);
const synStream = (id: number, block: Buffer) =>
  Buffer.concat([Buffer.from('80030001', 'hex'), word(10 + block.length), word(id), word(0), Buffer.alloc(2), block]);

test('the dictionary is the one that everybody has', () => {
  const compressed = zlib.deflateSync(Buffer.from('x'), { dictionary: spdyDictionary });
  expect(compressed.subarray(2, 6).toString('hex')).toBe('e3c6a7c2');
});

test('frames come out of bytes however they are cut', () => {
  const bytes = Buffer.concat([
    spdyFrame.data(1, Buffer.from('hello'), false),
    spdyFrame.ping(word(7)),
    spdyFrame.windowUpdate(1, 5),
    spdyFrame.data(1, Buffer.alloc(0), true),
  ]);
  const whole = [...new SpdyFrames().feed(bytes)];
  expect(whole).toMatchObject([
    { kind: 'data', stream: 1, fin: false, data: Buffer.from('hello') },
    { kind: 'ping', payload: word(7) },
    { kind: 'other' },
    { kind: 'data', fin: true },
  ]);
  const frames = new SpdyFrames();
  expect([...bytes].flatMap((byte) => [...frames.feed(Buffer.from([byte]))])).toEqual(whole);
});

test('what is too large or cut short is refused', () => {
  expect(() => [...new SpdyFrames().feed(Buffer.from('0000000100ffffff', 'hex'))]).toThrow('SPDY frame of');
  expect(() => readHeaderBlock(headerBlock({ name: 'value' }).subarray(0, 12))).toThrow();
});

/** Both ends of a byte stream. */
function pair(): [Duplex, Duplex] {
  const ends: Duplex[] = [];
  const end = (other: number) =>
    new Duplex({
      read: () => undefined,
      write: (chunk, _, done) => {
        ends[other]?.push(chunk);
        done();
      },
      final: (done) => {
        ends[other]?.push(null);
        done();
      },
    });
  ends.push(end(1), end(0));
  return [ends[0]!, ends[1]!];
}

test('a stream has its headers, takes and gives bytes, and ends', async () => {
  const [client, server] = pair();
  const deflate = zlib.createDeflate({ dictionary: spdyDictionary, flush: zlib.constants.Z_SYNC_FLUSH });
  const opened = new Promise<SpdyStream>((resolve) => new SpdyConnection(server, resolve));
  const block = await new Promise<Buffer>((resolve) => deflate.write(headerBlock({ StreamType: 'data' }), () => resolve(deflate.read())));
  const frames = new SpdyFrames();
  const echoed = new Promise<string>((resolve) => {
    let all = '';
    client.on('data', (chunk: Buffer) => {
      for (const frame of frames.feed(chunk)) {
        if (frame.kind !== 'data') continue;
        all += frame.data;
        if (frame.fin) resolve(all);
      }
    });
  });
  client.write(synStream(1, block));
  const stream = await opened;
  expect(stream.headers).toEqual({ streamtype: 'data' });
  stream.pipe(stream);
  for (const part of ['one', 'two']) client.write(spdyFrame.data(1, Buffer.from(part), false));
  client.write(spdyFrame.data(1, Buffer.alloc(0), true));
  expect(await echoed).toBe('onetwo');
});

test('headers that are no headers end the connection', async () => {
  const [client, server] = pair();
  new SpdyConnection(server, () => expect.unreachable());
  const closed = new Promise((resolve) => server.once('close', resolve));
  client.write(synStream(1, Buffer.from('not compressed')));
  await closed;
});
