// Heads as data: what is accepted and what it says, what is refused and why; the same whatever the pieces that it comes in.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { fieldId, fieldKey } from '#codec/http1/field-names';
import { requestFraming, responseFraming } from '#codec/http1/framing';
import { HeadSpans } from '#codec/http1/head-spans';
import { headError, parseRequestHead, parseResponseHead } from '#codec/http1/parse-head';

const limits = { headBytesMax: 4096, headersMax: 20 };

function parse(text: string, parser = parseRequestHead) {
  const spans = new HeadSpans();
  const bytes = Buffer.from(text, 'latin1');
  return { spans, result: parser(bytes, 0, bytes.length, spans, limits) };
}

/** Feeds the pieces one by one, as a connection does: all bytes so far each time. */
function parsePieces(bytes: Buffer, cuts: readonly number[]): { result: number; spans: HeadSpans } {
  const spans = new HeadSpans();
  let result = 0;
  for (const end of [...cuts, bytes.length]) {
    result = parseRequestHead(bytes.subarray(0, end), 0, end, spans, limits);
    if (result !== 0) break;
  }
  return { result, spans };
}

test('a request head is read into offsets of its text', () => {
  const text = 'POST /a?b HTTP/1.1\r\nHost: x\r\nX-Empty:\r\nX-Pad: \t v w \t\r\nCONTENT-length:3\r\n\r\nabc';
  const { spans, result } = parse(text);
  expect(result).toBe(text.length - 3);
  expect([spans.method(), spans.target(), spans.minor, spans.count]).toEqual(['POST', '/a?b', 1, 4]);
  expect([0, 1, 2, 3].map((line) => [spans.name(line), spans.value(line)])).toEqual([
    ['host', 'x'],
    ['x-empty', ''],
    ['x-pad', 'v w'],
    ['content-length', '3'],
  ]);
  expect(spans.find(fieldKey('x-pad'))).toBe(2);
  expect(spans.find(fieldKey('content-length'))).toBe(3);
  expect(spans.find(fieldKey('x-other'))).toBe(-1);
  expect(requestFraming(spans)).toEqual({ kind: 'length', length: 3 });
});

test('a name that shares the hash of a known one is not taken for it', () => {
  const { spans } = parse('GET / HTTP/1.1\r\nhXst: evil\r\nhost: a\r\ncXntenX-lengXh: 5\r\n\r\n');
  expect([spans.times[fieldId['host']], spans.known(fieldId['host'])]).toEqual([1, 'a']);
  expect(spans.find(fieldKey('hxst'))).toBe(0);
  expect(requestFraming(spans)).toEqual({ kind: 'none' });
});

test('more headers than the first capacity are kept', () => {
  const spans = new HeadSpans();
  const bytes = Buffer.from(`GET / HTTP/1.1\r\n${Array.from({ length: 90 }, (_, i) => `x-${i}: ${i}\r\n`).join('')}\r\n`);
  expect(parseRequestHead(bytes, 0, bytes.length, spans, { headBytesMax: 65_536, headersMax: 100 })).toBe(bytes.length);
  expect(Array.from({ length: 90 }, (_, i) => spans.value(spans.find(fieldKey(`x-${i}`))))).toEqual(
    Array.from({ length: 90 }, (_, i) => `${i}`),
  );
});

describe('refused request heads', () => {
  const refused: [name: string, text: string, error: number][] = [
    ['no method', ' / HTTP/1.1\r\n\r\n', headError.badStartLine],
    ['control byte in the method', 'G\u0001T / HTTP/1.1\r\n\r\n', headError.badStartLine],
    ['two spaces before the target', 'GET  / HTTP/1.1\r\n\r\n', headError.badStartLine],
    ['tab for space', 'GET\t/ HTTP/1.1\r\n\r\n', headError.badStartLine],
    ['space in the target', 'GET /a b HTTP/1.1\r\n\r\n', headError.badVersion],
    ['fragment in the target', 'GET /a#b HTTP/1.1\r\n\r\n', headError.badStartLine],
    ['high byte in the target', 'GET /\u00e9 HTTP/1.1\r\n\r\n', headError.badStartLine],
    ['HTTP/0.9', 'GET /\r\n\r\n', headError.badStartLine],
    ['HTTP/2.0', 'PRI * HTTP/2.0\r\n\r\n', headError.badVersion],
    ['HTTP/1.2', 'GET / HTTP/1.2\r\n\r\n', headError.badVersion],
    ['http in lower case', 'GET / http/1.1\r\n\r\n', headError.badVersion],
    ['text behind the version', 'GET / HTTP/1.1 x\r\n\r\n', headError.badStartLine],
    ['bare LF after the request line', 'GET / HTTP/1.1\nhost: a\r\n\r\n', headError.badLineEnd],
    ['bare CR after the request line', 'GET / HTTP/1.1\rhost: a\r\n\r\n', headError.badLineEnd],
    ['bare LF after a header', 'GET / HTTP/1.1\r\nhost: a\n\r\n', headError.badLineEnd],
    ['bare CR in a value', 'GET / HTTP/1.1\r\nhost: a\rb\r\n\r\n', headError.badLineEnd],
    ['bare LF as the empty line', 'GET / HTTP/1.1\r\nhost: a\r\n\n', headError.badLineEnd],
    ['space before the colon', 'GET / HTTP/1.1\r\nhost : a\r\n\r\n', headError.badFieldName],
    ['no colon', 'GET / HTTP/1.1\r\nhost\r\n\r\n', headError.badFieldName],
    ['no name', 'GET / HTTP/1.1\r\n: a\r\n\r\n', headError.badFieldName],
    ['folded by space', 'GET / HTTP/1.1\r\nx: a\r\n b\r\n\r\n', headError.obsoleteFold],
    ['folded by tab', 'GET / HTTP/1.1\r\nx: a\r\n\tb\r\n\r\n', headError.obsoleteFold],
    ['space before the first header', 'GET / HTTP/1.1\r\n host: a\r\n\r\n', headError.obsoleteFold],
    ['NUL in a value', 'GET / HTTP/1.1\r\nhost: a\u0000b\r\n\r\n', headError.badFieldValue],
    ['DEL in a value', 'GET / HTTP/1.1\r\nhost: a\u007f\r\n\r\n', headError.badFieldValue],
    ['high byte in a name', 'GET / HTTP/1.1\r\nh\u00f6st: a\r\n\r\n', headError.badFieldName],
    ['too many', `GET / HTTP/1.1\r\n${'a: b\r\n'.repeat(21)}\r\n`, headError.tooManyFields],
    ['too large', `GET / HTTP/1.1\r\na: ${'b'.repeat(5000)}\r\n\r\n`, headError.tooLarge],
    ['endless target', `GET /${'b'.repeat(5000)}`, headError.tooLarge],
  ];
  test.each(refused)('%s', (_name, text, error) => {
    expect(parse(text).result).toBe(error);
    // Byte by byte, nothing that is refused whole is let through.
    const bytes = Buffer.from(text, 'latin1');
    expect(
      parsePieces(
        bytes,
        Array.from({ length: bytes.length }, (_, i) => i),
      ).result,
    ).toBeLessThan(0);
  });
});

test('the same bytes in any pieces give the same head', () => {
  const token = fc.stringMatching(/^[A-Za-z][A-Za-z0-9-]{0,15}$/);
  const value = fc.stringMatching(/^[!-~]([ -~]{0,30}[!-~])?$/);
  const head = fc.record({ fields: fc.array(fc.tuple(token, value), { maxLength: 12 }), cuts: fc.array(fc.nat(400), { maxLength: 6 }) });
  fc.assert(
    fc.property(head, ({ fields, cuts }) => {
      const bytes = Buffer.from(`GET /p HTTP/1.1\r\n${fields.map(([name, text]) => `${name}: ${text}\r\n`).join('')}\r\n`);
      const sorted = [...cuts].filter((cut) => cut < bytes.length).sort((a, b) => a - b);
      const { result, spans } = parsePieces(bytes, sorted);
      expect(result).toBe(bytes.length);
      expect(Array.from({ length: spans.count }, (_, line) => [spans.name(line), spans.value(line)])).toEqual(
        fields.map(([name, text]) => [name.toLowerCase(), text]),
      );
    }),
    { seed: 1 },
  );
});

describe('request framing', () => {
  const cases: [headers: string, framing: object][] = [
    ['', { kind: 'none' }],
    ['content-length: 0\r\n', { kind: 'none' }],
    ['content-length: 12\r\n', { kind: 'length', length: 12 }],
    ['transfer-encoding: Chunked\r\n', { kind: 'chunked' }],
    ['content-length: 1\r\ncontent-length: 1\r\n', { kind: 'bad', status: 400 }],
    ['content-length: 1\r\ntransfer-encoding: chunked\r\n', { kind: 'bad', status: 400 }],
    ['transfer-encoding: chunked\r\ntransfer-encoding: chunked\r\n', { kind: 'bad', status: 400 }],
    ['transfer-encoding: gzip, chunked\r\n', { kind: 'bad', status: 501 }],
    ['transfer-encoding: chunked, identity\r\n', { kind: 'bad', status: 501 }],
    ['transfer-encoding: "chunked"\r\n', { kind: 'bad', status: 501 }],
    ['transfer-encoding:\r\n', { kind: 'bad', status: 501 }],
    ['content-length: +1\r\n', { kind: 'bad', status: 400 }],
    ['content-length: -1\r\n', { kind: 'bad', status: 400 }],
    ['content-length: 0x1\r\n', { kind: 'bad', status: 400 }],
    ['content-length: 1, 1\r\n', { kind: 'bad', status: 400 }],
    ['content-length: 1 1\r\n', { kind: 'bad', status: 400 }],
    ['content-length:\r\n', { kind: 'bad', status: 400 }],
    ['content-length: 9999999999999999\r\n', { kind: 'bad', status: 400 }],
  ];
  test.each(cases)('%j', (headers, framing) => {
    expect(requestFraming(parse(`POST / HTTP/1.1\r\n${headers}\r\n`).spans)).toMatchObject(framing);
  });
});

describe('response framing', () => {
  const cases: [head: string, method: string, kind: string][] = [
    ['200 OK\r\n', 'GET', 'close'],
    ['200\r\n', 'GET', 'close'],
    ['200 OK\r\ncontent-length: 5\r\n', 'GET', 'length'],
    ['200 OK\r\ncontent-length: 5\r\n', 'HEAD', 'none'],
    ['204 No Content\r\ncontent-length: 5\r\n', 'GET', 'none'],
    ['304 Not Modified\r\ncontent-length: 5\r\n', 'GET', 'none'],
    ['100 Continue\r\n', 'GET', 'none'],
    ['101 Switching Protocols\r\n', 'GET', 'tunnel'],
    ['200 OK\r\n', 'CONNECT', 'tunnel'],
    ['200 OK\r\ntransfer-encoding: chunked\r\ncontent-length: 5\r\n', 'GET', 'bad'],
    ['200 OK\r\ncontent-length: 5\r\ncontent-length: 6\r\n', 'HEAD', 'bad'],
  ];
  test.each(cases)('%j to %s', (head, method, kind) => {
    const { spans, result } = parse(`HTTP/1.1 ${head}\r\n`, parseResponseHead);
    expect(result).toBeGreaterThan(0);
    expect(responseFraming(spans, method).kind).toBe(kind);
  });

  test.each(['HTTP/1.1 20 OK', 'HTTP/1.1 2000 OK', 'HTTP/1.1 abc', 'HTTP/1.1  200 OK', 'HTTP/1.1 099 X', 'HTTP/3.0 200 OK', 'ICY 200 OK'])(
    'refused: %s',
    (line) => {
      expect(parse(`${line}\r\n\r\n`, parseResponseHead).result).toBeLessThan(0);
    },
  );
});

test('noise never throws, never reads beyond its end, and is read the same however it is cut', () => {
  const good = fc.constantFrom(
    'GET / HTTP/1.1\r\n',
    'host: a\r\n',
    'x:y\r\n',
    '\r\n',
    'content-length: 5\r\n',
    ': ',
    '\r',
    '\n',
    ' ',
    '\t',
    '\0',
    '\u00e9',
  );
  const bytes = fc.array(fc.oneof({ weight: 6, arbitrary: good }, { weight: 1, arbitrary: fc.string({ maxLength: 4, unit: 'binary' }) }), {
    maxLength: 12,
  });
  let heads = 0;
  fc.assert(
    fc.property(bytes, fc.array(fc.nat(80), { maxLength: 4 }), (parts, cuts) => {
      const text = Buffer.from(`GET / HTTP/1.1\r\n${parts.join('')}`, 'latin1');
      const sorted = cuts.filter((cut) => cut < text.length).sort((a, b) => a - b);
      const whole = parsePieces(text, []);
      const cut = parsePieces(text, sorted);
      expect(whole.result).toBeLessThanOrEqual(text.length);
      expect(Math.sign(cut.result)).toBe(Math.sign(whole.result));
      if (whole.result <= 0) return;
      heads++;
      expect(cut.result).toBe(whole.result);
      // What was taken for a head has nothing in it that another parser could read as the end of a line.
      expect(text.toString('latin1', 0, whole.result).replaceAll('\r\n', '')).not.toMatch(/[\r\n\0]/);
    }),
    { seed: 3, numRuns: 1000 },
  );
  expect(heads).toBeGreaterThan(50);
});
