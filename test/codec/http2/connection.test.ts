// The codec's flow control, its bounds against floods, its reading of noise.
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { allowances, type FloodKind } from '#codec/http2/flood-guard';
import { pendingRepliesMax } from '#codec/http2/limits';
import { EchoServer } from './echo-server.ts';
import {
  block,
  continuation,
  data,
  flag,
  frame,
  getFields,
  headers,
  hello,
  lastData,
  ping,
  post,
  postFields,
  reset,
  settings,
  type,
  uint32,
  windowUpdate,
} from './frames.ts';
import { ruleLimits, serverRules } from './server-rules.ts';

const calm = 0xb;
const limits = { ...ruleLimits, concurrentStreamsMax: 100 };

function server(first: Buffer = hello): EchoServer {
  const made = new EchoServer(limits);
  made.feed(first);
  return made;
}

/** Bytes of DATA that a stream was sent. */
function received({ frames }: EchoServer, stream: number): number {
  return frames.seen
    .filter((seen) => seen.type === type.data && seen.stream === stream)
    .reduce((sum, { payload }) => sum + payload.length, 0);
}

describe('flow control, sending', () => {
  const body = 'x'.repeat(16_384);

  test('a stream stops at its window, and goes on as it is opened', () => {
    const echo = server(Buffer.concat([hello, settings([4, 10]), post(1), lastData(1, 'y'.repeat(100))]));
    echo.answer();
    expect(received(echo, 1)).toBe(10);
    echo.feed(windowUpdate(1, 5));
    expect(received(echo, 1)).toBe(15);
    echo.feed(settings([4, 30]));
    expect(received(echo, 1)).toBe(35);
    echo.feed(settings([4, 0]));
    echo.feed(windowUpdate(1, 25));
    expect(received(echo, 1)).toBe(35);
    echo.feed(windowUpdate(1, 1000));
    expect(received(echo, 1)).toBe(100);
    expect(echo.drained).toBe(90);
    expect(echo.frames.answered).toEqual([1]);
  });

  test('all streams stop at the window of the connection, and share what it is opened by', () => {
    const echo = server(Buffer.concat([hello, settings([4, 1_000_000])]));
    for (const stream of [1, 3]) {
      const parts = [1, 2, 3].map(() => data(stream, body));
      echo.feed(Buffer.concat([post(stream), ...parts, lastData(stream, 'end')]));
    }
    echo.answer();
    expect(received(echo, 1) + received(echo, 3)).toBe(65_535);
    echo.feed(windowUpdate(0, 100_000));
    expect(echo.frames.answered).toEqual([1, 3]);
    expect(received(echo, 3)).toBe(3 * 16_384 + 3);
  });

  test('nothing is sent while the socket takes no more, and everything after', () => {
    const echo = server(Buffer.concat([hello, post(1), lastData(1, body)]));
    echo.codec.hold();
    echo.feed(ping('12345678'), false);
    const before = echo.codec.output.bytes;
    echo.answer();
    expect(before).toBeLessThan(100);
    expect(received(echo, 1)).toBe(body.length);
  });
});

describe('flow control, receiving', () => {
  test('the windows are opened once half of them is used', () => {
    const echo = server(Buffer.concat([hello, post(1), data(1, 'x'.repeat(16_384))]));
    const updates = () =>
      echo.frames.seen.filter((seen) => seen.type === type.windowUpdate).map(({ stream, payload }) => [stream, payload.readUInt32BE()]);
    const atFirst = updates().length;
    echo.feed(data(1, 'x'.repeat(16_384)));
    expect(updates().slice(atFirst)).toEqual([
      [0, 32_768],
      [1, 32_768],
    ]);
  });

  test('more than the window is an error while nothing is delivered', () => {
    const echo = server(Buffer.concat([hello, post(1)]));
    echo.codec.streams.get(1)!.events.onBody = () => {};
    for (let i = 0; i < 4; i++) echo.feed(data(1, 'x'.repeat(16_384)));
    expect(echo.frames.goaway).toBe(0x3);
  });

  test('what is discarded gives the window of the connection back', () => {
    const echo = server();
    for (let i = 0; i < 20; i++) {
      const id = 1 + i * 2;
      echo.feed(Buffer.concat([headers(id, postFields.slice(0, 2), flag.endHeaders), data(id, 'x'.repeat(16_384))]));
    }
    echo.feed(headers(99));
    echo.answer();
    expect(echo.frames.goaway).toBeUndefined();
    expect(echo.frames.answered).toEqual([99]);
  });
});

describe('floods', () => {
  const floods: [FloodKind, (i: number) => Buffer][] = [
    ['pings', () => ping()],
    ['settings', () => settings()],
    ['resets', (i) => Buffer.concat([post(1 + 2 * i), reset(1 + 2 * i)])],
    ['emptyFrames', (i) => (i === 0 ? post(1) : data(1, ''))],
    ['priorities', () => frame(type.priority, 0, 1, Buffer.alloc(5))],
    ['unknownFrames', () => frame(0x44, 0, 0)],
    ['windowUpdates', () => windowUpdate(0, 1)],
    ['streamErrors', (i) => headers(1 + 2 * i, getFields.slice(1))],
  ];

  test('each kind is here', () => expect(floods.map(([kind]) => kind).sort()).toEqual(Object.keys(allowances).sort()));

  test.each(floods)('%s', (kind, one) => {
    const echo = server();
    const { burst } = allowances[kind];
    for (let i = 0; i < burst - 2; i++) echo.feed(one(i));
    expect(echo.failure).toBeUndefined();
    for (let i = burst - 2; i < burst + 5; i++) echo.feed(one(i));
    expect(echo.failure).toMatchObject({ code: calm, flood: kind });
    expect(echo.frames.goaway).toBe(calm);
  });

  test.each(floods)('%s, spread over time, are none', (kind, one) => {
    const echo = server();
    const { burst, perSecond } = allowances[kind];
    for (let i = 0; i < burst * 2; i++) {
      echo.nowMs += 1000 / perSecond + 0.1;
      echo.feed(one(i));
    }
    expect(echo.failure).toBeUndefined();
  });

  test('acknowledgements that nobody reads are bounded', () => {
    const echo = server();
    for (let i = 0; i < pendingRepliesMax + 10; i++) {
      echo.nowMs += 10;
      echo.feed(ping(), false);
    }
    expect(echo.failure).toMatchObject({ code: calm, flood: 'replies' });
    expect(echo.codec.output.bytes).toBeLessThan(pendingRepliesMax * 20);
  });

  test('a header block that does not end is bounded in bytes', () => {
    const echo = server();
    echo.feed(frame(type.headers, 0, 1, 'x'.repeat(16_384)));
    for (let i = 0; i < 6; i++) echo.feed(continuation(1, 'x'.repeat(16_384), 0));
    expect(echo.failure).toMatchObject({ code: calm, flood: 'continuations' });
  });

  test('a head beyond the limits is refused, and the connection goes on', () => {
    const echo = server();
    const many = Array.from({ length: 120 }, (_, i) => [`x-${i}`, 'v'] as const);
    echo.feed(Buffer.concat([headers(1, [...getFields, ...many]), headers(3)]));
    echo.answer();
    expect(echo.frames.answered).toEqual([1, 3]);
    expect(echo.heads.length).toBe(1);
  });
});

describe('noise', () => {
  const anyFrame = fc
    .record({
      type: fc.integer({ min: 0, max: 11 }),
      flags: fc.integer({ min: 0, max: 255 }),
      stream: fc.constantFrom(0, 1, 3, 5, 2),
      payload: fc.uint8Array({ maxLength: 64 }),
    })
    .map((made) => frame(made.type, made.flags, made.stream, Buffer.from(made.payload)));
  const goodFrame = fc.constantFrom(
    headers(1),
    post(1),
    headers(3),
    post(5),
    data(1, 'abc'),
    lastData(1),
    lastData(5),
    ping(),
    settings(),
    reset(1),
    windowUpdate(0, 5),
    windowUpdate(1, 9),
    frame(type.headers, 0, 7, block(getFields)),
    continuation(7),
    frame(type.goaway, 0, 0, uint32(0, 0)),
  );

  test('never throws, ends in an error or goes on, and is read the same however it is cut', () => {
    fc.assert(
      fc.property(
        fc.array(
          fc.oneof(
            anyFrame,
            goodFrame,
            fc.uint8Array({ maxLength: 20 }).map((bytes) => Buffer.from(bytes)),
          ),
        ),
        fc.infiniteStream(fc.integer({ min: 1, max: 40 })),
        (parts, cuts) => {
          const bytes = Buffer.concat(parts);
          const whole = server();
          whole.feed(bytes);
          whole.answer();
          const cut = server();
          for (let at = 0; at < bytes.length; ) {
            const next = Math.min(bytes.length, at + cuts.next().value);
            cut.feed(bytes.subarray(at, next));
            at = next;
          }
          cut.answer();
          expect(cut.failure?.code).toBe(whole.failure?.code);
          expect(cut.frames.resets).toEqual(whole.frames.resets);
          expect(cut.heads.length).toBe(whole.heads.length);
          expect(whole.codec.output.bytes).toBe(0);
        },
      ),
      { numRuns: 1000 },
    );
  });

  test('the rules, cut and mixed, never throw', () => {
    fc.assert(
      fc.property(fc.array(fc.constantFrom(...serverRules), { maxLength: 6 }), fc.integer({ min: 0, max: 30 }), (rules, drop) => {
        const bytes = Buffer.concat(rules.map(({ send }) => send.subarray(hello.length)));
        const echo = server();
        echo.feed(bytes.subarray(0, Math.max(0, bytes.length - drop)));
        echo.answer();
      }),
    );
  });
});
