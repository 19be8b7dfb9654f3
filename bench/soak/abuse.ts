// Clients that a proxy must survive, one function each: it abuses one connection and resolves when that is over. None is to harm the others.
import { connect, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Random } from '#foundation/random';
import { emptySettings, flag, frame, preface, requestBlock, type } from './frames.ts';

/** The proxy's two doors. */
export interface Doors {
  plain: number;
  tls: number;
}

type Abuse = (doors: Doors, random: Random) => Promise<void>;

/** No abuse goes on for longer. */
const abuseMsMax = 4000;

async function on(port: number, act: (socket: Socket) => Promise<void> | void, options: { reset?: boolean } = {}): Promise<void> {
  const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true });
  socket.on('error', () => {});
  const closed = new Promise<void>((resolve) => socket.once('close', () => resolve()));
  const limit = setTimeout(() => socket.destroy(), abuseMsMax);
  try {
    await Promise.race([Promise.resolve(act(socket)), closed]);
  } finally {
    clearTimeout(limit);
    if (options.reset) socket.resetAndDestroy();
    else socket.destroy();
    await closed;
  }
}

/** Writes as fast as the proxy reads; resolves early when the proxy hangs up. */
async function pour(socket: Socket, count: number, part: (i: number) => Buffer): Promise<void> {
  socket.resume();
  for (let i = 0; i < count && !socket.destroyed; i++) {
    if (!socket.write(part(i))) await new Promise<void>((resolve) => socket.once('drain', resolve).once('close', () => resolve()));
  }
}

const http2Flood =
  (count: number, part: (i: number) => Buffer): Abuse =>
  ({ plain }) =>
    on(plain, async (socket) => {
      socket.write(Buffer.concat([preface, emptySettings]));
      await pour(socket, count, part);
    });

const stream = (i: number) => 2 * i + 1;
const wholeRequest = (i: number) => frame(type.headers, flag.endHeaders | flag.endStream, stream(i), requestBlock);
const openRequest = (i: number) => frame(type.headers, flag.endHeaders, stream(i), requestBlock);
const cancel = Buffer.from([0, 0, 0, 8]);
const one = Buffer.from([0, 0, 0, 1]);
const getLarge = 'GET /1m HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n';
const post = 'POST /echo HTTP/1.1\r\nhost: 127.0.0.1\r\ntransfer-encoding: chunked\r\n\r\n';
const clientHello = Buffer.from(
  '160301003c0100003803030000000000000000000000000000000000000000000000000000000000000000000002130101000009000d00040002',
  'hex',
);

export const abuses: Readonly<Record<string, Abuse>> = {
  'rapid reset': http2Flood(3000, (i) => Buffer.concat([wholeRequest(i), frame(type.reset, 0, stream(i), cancel)])),
  'ping flood': http2Flood(50_000, () => frame(type.ping, 0, 0, Buffer.alloc(8))),
  'settings flood': http2Flood(50_000, () => emptySettings),
  'continuation flood': http2Flood(50_000, (i) =>
    i === 0 ? frame(type.headers, 0, 1, requestBlock) : frame(type.continuation, 0, 1, Buffer.alloc(100, 0x82)),
  ),
  'empty data frames': http2Flood(50_000, (i) => (i === 0 ? openRequest(0) : frame(type.data, 0, 1))),
  'window updates by one': http2Flood(50_000, () => frame(type.windowUpdate, 0, 0, one)),
  'streams that never end': http2Flood(500, openRequest),
  'garbage after the preface': ({ plain }, random) =>
    on(plain, (socket) => {
      socket.write(Buffer.concat([preface, Buffer.from(Array.from({ length: 2000 }, () => Math.floor(random.next() * 256)))]));
      return sleep(50);
    }),
  'slow drip': ({ plain }, random) =>
    on(plain, async (socket) => {
      const text = 'GET /1k HTTP/1.1\r\nhost: 127.0.0.1\r\nx-slow: yes';
      for (let i = 0; i < text.length && !socket.destroyed; i++) {
        socket.write(text[i]!);
        await sleep(5 + random.next() * 40);
      }
    }),
  'slow reader': ({ plain }) =>
    on(plain, async (socket) => {
      socket.pause();
      socket.write(getLarge.repeat(4));
      for (let i = 0; i < 10; i++) {
        socket.read(1024);
        await sleep(100);
      }
    }),
  'slow reader of HTTP/2': ({ plain }) =>
    on(plain, async (socket) => {
      socket.pause();
      const large = Buffer.concat([Buffer.from([0x82, 0x86, 4, 3]), Buffer.from('/1m'), Buffer.from([1, 9]), Buffer.from('127.0.0.1')]);
      const wide = frame(type.windowUpdate, 0, 0, Buffer.from([0x3f, 0, 0, 0]));
      const ask = (i: number) => frame(type.headers, flag.endHeaders | flag.endStream, stream(i), large);
      const settings = frame(type.settings, 0, 0, Buffer.from([0, 4, 0x3f, 0xff, 0xff, 0xff]));
      socket.write(Buffer.concat([preface, settings, wide, ...Array.from({ length: 20 }, (_, i) => ask(i))]));
      await sleep(1500);
    }),
  'endless body': ({ plain }) =>
    on(plain, async (socket) => {
      socket.write(post);
      await pour(socket, 2000, () => Buffer.from(`2000\r\n${'x'.repeat(8192)}\r\n`));
    }),
  'half close': ({ plain }) =>
    on(plain, async (socket) => {
      socket.end(getLarge);
      for await (const _ of socket);
    }),
  'reset anywhere': ({ plain }, random) =>
    on(
      plain,
      async (socket) => {
        const whole = random.next() < 0.5 ? getLarge : `${post}5\r\nhello\r\n0\r\n\r\n`;
        socket.write(whole.slice(0, 1 + Math.floor(random.next() * whole.length)));
        socket.resume();
        await sleep(random.next() * 30);
      },
      { reset: true },
    ),
  'a head of 1 MB': ({ plain }) =>
    on(plain, (socket) => pour(socket, 128, (i) => Buffer.from(`${i === 0 ? 'GET / HTTP/1.1\r\n' : ''}x-${i}: ${'y'.repeat(8000)}\r\n`))),
  'two lengths': ({ plain }) =>
    on(plain, async (socket) => {
      socket.write('POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 5\r\ncontent-length: 6\r\n\r\nhello');
      for await (const _ of socket);
    }),
  'a hello in pieces': ({ tls }, random) =>
    on(tls, async (socket) => {
      for (const byte of clientHello) {
        if (socket.destroyed) return;
        socket.write(Buffer.from([byte]));
        await sleep(random.next() * 5);
      }
      await sleep(100);
    }),
  'no hello at all': ({ tls }) =>
    on(tls, async (socket) => {
      socket.write('GET / HTTP/1.1\r\nhost: a\r\n\r\n');
      for await (const _ of socket);
    }),
};
