// HPACK: the examples of RFC 7541 appendix C, round trips, and what is not indexed.
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Field, fieldName } from '#codec/http2/field';
import { type DecodedBlock, HpackDecoder } from '#codec/http2/hpack-decoder';
import { HpackEncoder } from '#codec/http2/hpack-encoder';
import { decodedBytesMax, decodeHuffman, encodeHuffman, huffmanLength } from '#codec/http2/huffman';

const limits = { headerListBytesMax: 65_536, headersMax: 200 };

function decode(decoder: HpackDecoder, block: Buffer | string): readonly string[] | string {
  const bytes = typeof block === 'string' ? Buffer.from(block.replaceAll(' ', ''), 'hex') : block;
  return lines(decoder.decode(bytes, 0, bytes.length, limits));
}

function lines(decoded: DecodedBlock): readonly string[] | string {
  return decoded.kind === 'fields' ? decoded.fields.map(({ name, value }) => `${name.text}: ${value}`) : decoded.kind;
}

function encode(encoder: HpackEncoder, fields: readonly (readonly [string, string])[]): Buffer {
  encoder.begin(Buffer.alloc(16), 0);
  for (const [name, value] of fields) encoder.add(name, value);
  return Buffer.from(encoder.buffer.subarray(0, encoder.position));
}

const get = [':method: GET', ':scheme: http', ':path: /', ':authority: www.example.com'];
const date = (second: number) => `date: Mon, 21 Oct 2013 20:13:2${second} GMT`;
const location = 'location: https://www.example.com';

/** Blocks of one connection each: table size, then block and what it says. */
const examples: [string, number, [block: string, fields: string[]][]][] = [
  [
    'C.2.1: a literal that is indexed',
    4096,
    [['400a 6375 7374 6f6d 2d6b 6579 0d63 7573 746f 6d2d 6865 6164 6572', ['custom-key: custom-header']]],
  ],
  ['C.2.2: one that is not', 4096, [['040c 2f73 616d 706c 652f 7061 7468', [':path: /sample/path']]]],
  ['C.2.3: one that never is', 4096, [['1008 7061 7373 776f 7264 0673 6563 7265 74', ['password: secret']]]],
  ['C.2.4: an index', 4096, [['82', [':method: GET']]]],
  [
    'C.3: requests',
    4096,
    [
      ['8286 8441 0f77 7777 2e65 7861 6d70 6c65 2e63 6f6d', get],
      ['8286 84be 5808 6e6f 2d63 6163 6865', [...get, 'cache-control: no-cache']],
      [
        '8287 85bf 400a 6375 7374 6f6d 2d6b 6579 0c63 7573 746f 6d2d 7661 6c75 65',
        [':method: GET', ':scheme: https', ':path: /index.html', ':authority: www.example.com', 'custom-key: custom-value'],
      ],
    ],
  ],
  [
    'C.4: requests in Huffman code',
    4096,
    [
      ['8286 8441 8cf1 e3c2 e5f2 3a6b a0ab 90f4 ff', get],
      ['8286 84be 5886 a8eb 1064 9cbf', [...get, 'cache-control: no-cache']],
      [
        '8287 85bf 4088 25a8 49e9 5ba9 7d7f 8925 a849 e95b b8e8 b4bf',
        [':method: GET', ':scheme: https', ':path: /index.html', ':authority: www.example.com', 'custom-key: custom-value'],
      ],
    ],
  ],
  [
    'C.6: responses in Huffman code, entries pushed out',
    256,
    [
      [
        '4882 6402 5885 aec3 771a 4b61 96d0 7abe 9410 54d4 44a8 2005 9504 0b81 66e0 82a6 2d1b ff6e 919d 29ad 1718 63c7 8f0b 97c8 e9ae 82ae 43d3',
        [':status: 302', 'cache-control: private', date(1), location],
      ],
      ['4883 640e ffc1 c0bf', [':status: 307', 'cache-control: private', date(1), location]],
      [
        '88c1 6196 d07a be94 1054 d444 a820 0595 040b 8166 e084 a62d 1bff c05a 839b d9ab 77ad 94e7 821d d7f2 e6c7 b335 dfdf cd5b 3960 d5af 2708 7f36 72c1 ab27 0fb5 291f 9587 3160 65c0 03ed 4ee5 b106 3d50 07',
        [
          ':status: 200',
          'cache-control: private',
          date(2),
          location,
          'content-encoding: gzip',
          'set-cookie: foo=ASDJKHQKBZXOQWEOPIUAXQWEOIU; max-age=3600; version=1',
        ],
      ],
    ],
  ],
];

/** What a fresh decoder with a table of 4,096 bytes says of a block. */
const blocks: [what: string, block: string, expected: string[] | string][] = [
  ['nothing', '', []],
  ['index 61', 'bd', ['www-authenticate: ']],
  ['index 62 of an empty table', 'be', 'invalid'],
  ['index 0', '80', 'invalid'],
  ['a name by index 0x3f + 0', '7f00 0161', 'invalid'],
  ['an index that is cut off', 'ff', 'invalid'],
  ['an index whose bytes do not end', 'ff ffff ffff ffff ffff', 'invalid'],
  ['an index of more than 2^24', 'ff ffff ff7f', 'invalid'],
  ['a literal without a name', '40', 'invalid'],
  ['a literal without a value', '4001 61', 'invalid'],
  ['a name that is cut off', '4005 6162', 'invalid'],
  ['a value that is cut off', '4001 6105 62', 'invalid'],
  ['an empty value', '4001 6100', ['a: ']],
  ['a size update alone', '20', []],
  ['two size updates', '20 3fe1 1f', []],
  ['a size update of 4,097', '3fe2 1f', 'invalid'],
  ['a size update behind a field', '82 20', 'invalid'],
  ['a table emptied by a size update', '4001 6101 62 be', ['a: b', 'a: b']],
  ['an entry kept, found by a later field', '4001 6101 62 7e 0163', ['a: b', 'a: c']],
  ['a literal not indexed leaves the table as it was', '0001 6101 62 be', 'invalid'],
  ['a literal never indexed too', '1001 6101 62 be', 'invalid'],
  ['Huffman code cut off within a symbol, but all ones', '0001 6181 ff', 'invalid'],
  ['the end of string within', '0001 6184 ffff ffff', 'invalid'],
  ['padding of eight ones', '0001 6182 1fff', 'invalid'],
  ['padding of zeros', '0001 6181 18', 'invalid'],
  ['an empty Huffman string', '0001 6180', ['a: ']],
];

describe('decoding', () => {
  test.each(examples)('RFC 7541 %s', (_name, tableBytes, steps) => {
    const decoder = new HpackDecoder(tableBytes);
    for (const [block, fields] of steps) expect(decode(decoder, block)).toEqual(fields);
  });

  test.each(blocks)('%s', (_what, block, expected) => {
    expect(decode(new HpackDecoder(), block)).toEqual(expected);
  });

  test('a bomb is counted and not gathered, and the table stays right', () => {
    const decoder = new HpackDecoder();
    const bomb = Buffer.concat([Buffer.from([0x40, 1, 0x61, 0x7f, 0xa1, 0x1e]), Buffer.alloc(4000, 0x62), Buffer.alloc(12_000, 0xbe)]);
    expect(decode(decoder, bomb)).toBe('excess');
    expect(decode(decoder, 'be')).toEqual([`a: ${'b'.repeat(4000)}`]);
  });
});

describe('the Huffman code', () => {
  test('is undone by decoding, for every text', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 255 })), (bytes) => {
        const text = String.fromCharCode(...bytes);
        const coded = Buffer.alloc(huffmanLength(text));
        expect(encodeHuffman(text, coded, 0)).toBe(coded.length);
        expect(decodeHuffman(coded, 0, coded.length, Buffer.alloc(decodedBytesMax(coded.length)))).toBe(text);
      }),
    );
  });

  test('every text that decodes is coded in one way only', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 24 }), (bytes) => {
        const coded = Buffer.from(bytes);
        const text = decodeHuffman(coded, 0, coded.length, Buffer.alloc(decodedBytesMax(coded.length)));
        if (text === undefined) return;
        const again = Buffer.alloc(huffmanLength(text));
        encodeHuffman(text, again, 0);
        expect(again).toEqual(coded);
      }),
      { numRuns: 2000 },
    );
  });
});

const token = fc.stringMatching(/^[a-z][a-z0-9-]{0,12}$/);
const value = fc.oneof(fc.stringMatching(/^[ -~]{0,40}$/), fc.constantFrom('GET', '200', 'gzip', '', 'x'.repeat(1500)));
const list = fc.array(fc.tuple(fc.oneof(token, fc.constantFrom(':path', ':method', 'cookie', 'date', 'a', 'b')), value), { maxLength: 20 });

describe('encoding', () => {
  test('is undone by a decoder that has seen all blocks before, whatever the limits of the table', () => {
    const step = fc.record({ fields: list, limits: fc.array(fc.constantFrom(0, 64, 300, 4096, 1_000_000), { maxLength: 2 }) });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 12 }), (steps) => {
        const encoder = new HpackEncoder();
        const decoder = new HpackDecoder();
        for (const { fields, limits } of steps) {
          for (const bytes of limits) encoder.setLimit(bytes);
          expect(decode(decoder, encode(encoder, fields))).toEqual(fields.map(([name, text]) => `${name}: ${text}`));
        }
      }),
      { numRuns: 300 },
    );
  });

  test('what repeats becomes a byte', () => {
    const encoder = new HpackEncoder();
    const fields = [
      [':method', 'GET'],
      ['user-agent', 'curl/8'],
      ['x-tenant', 'blue'],
    ] as const;
    expect(encode(encoder, fields).length).toBeGreaterThan(10);
    expect(encode(encoder, fields).length).toBe(3);
  });

  test.each([
    ['authorization', 0x10],
    ['proxy-authorization', 0x10],
    ['cookie', 0x10],
    ['set-cookie', 0x10],
    [':path', 0],
    ['content-length', 0],
    ['x-request-id', 0],
    ['traceparent', 0],
  ])('%s enters no table', (name, pattern) => {
    const encoder = new HpackEncoder();
    const first = encode(encoder, [[name, 'some value']]);
    expect(first[0]! & 0xf0).toBe(pattern);
    expect(encode(encoder, [[name, 'some value']])).toEqual(first);
  });

  test('a smaller table is announced with the next block: the lowest limit, then the last', () => {
    const encoder = new HpackEncoder();
    encoder.setLimit(100);
    encoder.setLimit(0);
    encoder.setLimit(200);
    expect([...encode(encoder, [[':method', 'GET']])]).toEqual([0x20, 0x3f, 128 | ((200 - 31) & 127), 1, 0x82]);
  });
});

test('a decoder never throws, nor keeps more than its table', () => {
  const decoder = new HpackDecoder();
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
      const block = Buffer.from(bytes);
      const { kind } = decoder.decode(block, 0, block.length, limits);
      expect(['fields', 'excess', 'invalid']).toContain(kind);
    }),
    { numRuns: 5000 },
  );
});

test('a field knows its size and its line of HTTP/1', () => {
  const field = new Field(fieldName('x-test'), 'value');
  expect([field.size, field.line]).toEqual([6 + 5 + 32, 'x-test: value\r\n']);
});
