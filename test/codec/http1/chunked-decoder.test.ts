// The chunked coding as data: bodies, refusals, any pieces.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { ChunkedDecoder } from '#codec/http1/chunked-decoder';

function decode(pieces: readonly Buffer[]) {
  const decoder = new ChunkedDecoder();
  let body = '';
  let consumed = 0;
  const sink = { chunkData: (buffer: Buffer, start: number, end: number) => void (body += buffer.toString('latin1', start, end)) };
  for (const piece of pieces) {
    const result = decoder.feed(piece, 0, piece.length, sink);
    if (result !== 0) return { body, result, consumed: consumed + result, decoder };
    consumed += piece.length;
  }
  return { body, result: 0, consumed, decoder };
}

function decodeText(text: string) {
  return decode([Buffer.from(text, 'latin1')]);
}

describe('bodies', () => {
  const cases: [text: string, body: string, rest: number][] = [
    ['0\r\n\r\n', '', 0],
    ['3\r\nabc\r\n0\r\n\r\n', 'abc', 0],
    ['A\r\n0123456789\r\n1\r\nx\r\n000\r\n\r\nGET', '0123456789x', 3],
    ['3;name=value;flag\r\nabc\r\n0;last\r\n\r\n', 'abc', 0],
    ['1;q="a b"\r\nx\r\n0\r\n\r\n', 'x', 0],
  ];
  test.each(cases)('%j', (text, body, rest) => {
    expect(decodeText(text)).toMatchObject({ body, result: text.length - rest });
  });

  test('trailers are kept apart', () => {
    const { decoder, result } = decodeText('1\r\nx\r\n0\r\nX-Sum: 1\r\nX-Two:2\r\n\r\n');
    expect(result).toBeGreaterThan(0);
    expect([decoder.trailers.name(0), decoder.trailers.value(0), decoder.trailers.name(1), decoder.trailers.value(1)]).toEqual([
      'x-sum',
      '1',
      'x-two',
      '2',
    ]);
  });
});

describe('refused', () => {
  test.each([
    ['no size', '\r\nabc\r\n0\r\n\r\n'],
    ['not hexadecimal', 'g\r\n'],
    ['0x prefix', '0x3\r\nabc\r\n'],
    ['sign', '+3\r\nabc\r\n'],
    ['minus', '-1\r\n'],
    ['space before the size', ' 3\r\nabc\r\n'],
    ['space behind the size', '3 \r\nabc\r\n'],
    ['bare LF behind the size', '3\nabc\r\n'],
    ['bare CR behind the size', '3\rabc\r\n'],
    ['bare LF behind an extension', '3;a\nabc\r\n'],
    ['NUL in an extension', '3;a\u0000\r\nabc\r\n'],
    ['data longer than its size', '3\r\nabcd\r\n0\r\n\r\n'],
    ['bare LF behind the data', '3\r\nabc\n0\r\n\r\n'],
    ['size with too many digits', '0000000000003\r\nabc\r\n'],
    ['extensions without end', `3;${'a'.repeat(5000)}`],
    ['folded trailer', '0\r\nx: a\r\n b\r\n\r\n'],
    ['space before the colon of a trailer', '0\r\nx : a\r\n\r\n'],
    ['bare LF behind a trailer', '0\r\nx: a\n\r\n'],
    ['trailers without end', `0\r\nx: ${'a'.repeat(20_000)}`],
    ['too many trailers', `0\r\n${'x: a\r\n'.repeat(100)}`],
  ])('%s', (_name, text) => {
    expect(decodeText(text).result).toBeLessThan(0);
    expect(decode([...Buffer.from(text, 'latin1')].map((byte) => Buffer.from([byte]))).result).toBeLessThan(0);
  });
});

test('any body in any chunks and pieces comes out as it was', () => {
  const input = fc.record({
    chunks: fc.array(fc.string({ minLength: 1, maxLength: 40, unit: 'binary-ascii' }), { maxLength: 6 }),
    trailers: fc.boolean(),
    sizes: fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 8 }),
  });
  fc.assert(
    fc.property(input, ({ chunks, trailers, sizes }) => {
      const text = chunks.map((chunk) => `${chunk.length.toString(16)}\r\n${chunk}\r\n`).join('');
      const bytes = Buffer.from(`${text}0\r\n${trailers ? 'x-sum: 1\r\n' : ''}\r\nREST`, 'latin1');
      const pieces: Buffer[] = [];
      for (let at = 0, i = 0; at < bytes.length; i++) pieces.push(bytes.subarray(at, (at += sizes[i % sizes.length]!)));
      const { body, consumed, decoder } = decode(pieces);
      expect(body).toBe(chunks.join(''));
      expect(consumed).toBe(bytes.length - 4);
      expect(decoder.trailers.count).toBe(trailers ? 1 : 0);
    }),
    { seed: 2 },
  );
});

test('noise never throws, and is read the same however it is cut', () => {
  const good = fc.constantFrom(
    '3\r\nabc\r\n',
    '0\r\n\r\n',
    '1;x\r\n',
    'y\r\n',
    '0\r\n',
    '\r\n',
    ';x=y\r\n',
    'x: y\r\n',
    '\r',
    '\n',
    ' ',
    '\0',
  );
  let bodies = 0;
  fc.assert(
    fc.property(
      fc.array(fc.oneof({ weight: 6, arbitrary: good }, { weight: 1, arbitrary: fc.string({ maxLength: 3, unit: 'binary' }) }), {
        maxLength: 10,
      }),
      fc.nat(30),
      (parts, at) => {
        const bytes = Buffer.from(`3\r\nabc\r\n${parts.join('')}`, 'latin1');
        const whole = decode([bytes]);
        const cut = decode([bytes.subarray(0, at % bytes.length), bytes.subarray(at % bytes.length)]);
        expect(Math.sign(cut.result)).toBe(Math.sign(whole.result));
        expect(whole.consumed).toBeLessThanOrEqual(bytes.length);
        if (whole.result <= 0) return;
        bodies++;
        expect([cut.body, cut.consumed]).toEqual([whole.body, whole.consumed]);
      },
    ),
    { seed: 4, numRuns: 1000 },
  );
  expect(bodies).toBeGreaterThan(50);
});
