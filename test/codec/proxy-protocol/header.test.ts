// PROXY headers: what is read, what is refused, what is written; and whatever comes, in whatever pieces, nothing breaks.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { formatIp, ipv4Bytes, ipv6Bytes } from '#codec/proxy-protocol/address';
import { encodeProxyHeader, parseProxyHeader } from '#codec/proxy-protocol/header';

const sig = '\r\n\r\n\0\r\nQUIT\n';
const place = (address: string, port: number) => ({ address, port });
const four = { source: place('192.168.0.1', 56324), destination: place('10.0.0.2', 443) };
const six = { source: place('2001:db8::1', 1), destination: place('::', 65535) };

describe('read', () => {
  test.each([
    ['PROXY TCP4 192.168.0.1 10.0.0.2 56324 443\r\nGET', { version: 'v1', length: 43, connection: four }],
    ['PROXY TCP6 2001:db8::1 :: 1 65535\r\n', { version: 'v1', length: 35, connection: six }],
    ['PROXY UNKNOWN\r\n', { version: 'v1', length: 15, connection: undefined }],
    ['PROXY UNKNOWN anything at all\r\nx', { version: 'v1', length: 31, connection: undefined }],
    [`${sig}\x21\x11\0\x0c\xc0\xa8\0\x01\x0a\0\0\x02\xdc\x04\x01\xbbGET`, { version: 'v2', length: 28, connection: four }],
    [`${sig}\x21\x11\0\x0f\xc0\xa8\0\x01\x0a\0\0\x02\xdc\x04\x01\xbb\x04\0\0`, { version: 'v2', length: 31, connection: four }],
    [`${sig}\x20\x00\0\0`, { version: 'v2', length: 16, connection: undefined }],
    [`${sig}\x21\x31\0\x02ab`, { version: 'v2', length: 18, connection: undefined }],
    [`${sig}\x21\x12\0\x00`, { version: 'v2', length: 16, connection: undefined }],
  ])('%j', (text, expected) => {
    const bytes = Buffer.from(text, 'latin1');
    expect(parseProxyHeader(bytes)).toEqual({ kind: 'header', ...expected });
    // In pieces: until the last byte of the header is there, more is needed.
    for (let end = 0; end < expected.length; end++) expect(parseProxyHeader(bytes.subarray(0, end)).kind).toBe('incomplete');
  });
});

test.each([
  ['GET / HTTP/1.1\r\n', 'absent'],
  ['PROXX', 'absent'],
  ['\r\n\r\nx', 'absent'],
  ['PROXY TCP5 1.2.3.4 1.2.3.4 1 2\r\n', 'malformed'],
  ['PROXY TCP4 1.2.3.4 1.2.3.256 1 2\r\n', 'malformed'],
  ['PROXY TCP4 ::1 ::2 1 2\r\n', 'malformed'],
  ['PROXY TCP6 1.2.3.4 1.2.3.4 1 2\r\n', 'malformed'],
  ['PROXY TCP4 1.2.3.4 1.2.3.4 1 65536\r\n', 'malformed'],
  ['PROXY TCP4 1.2.3.4 1.2.3.4 1\r\n', 'malformed'],
  ['PROXY TCP4 1.2.3.4 1.2.3.4 1 2 3\r\n', 'malformed'],
  [`PROXY UNKNOWN ${'x'.repeat(100)}`, 'malformed'],
  [`${sig}\x11\x11\0\x0c`, 'malformed'],
  [`${sig}\x22\x11\0\x0c`, 'malformed'],
  [`${sig}\x21\x11\0\x0b${'x'.repeat(11)}`, 'malformed'],
  [`${sig}\x21\x21\0\x0c${'x'.repeat(12)}`, 'malformed'],
])('%j is %s', (text, kind) => {
  expect(parseProxyHeader(Buffer.from(text, 'latin1')).kind).toBe(kind);
});

const port = fc.integer({ min: 0, max: 65_535 });
const places = (address: fc.Arbitrary<string>) =>
  fc.record({ source: fc.record({ address, port }), destination: fc.record({ address, port }) });
const addresses = [4, 16].map((size) => fc.uint8Array({ minLength: size, maxLength: size }).map((bytes) => formatIp(Buffer.from(bytes))));

test('what is written is read back, whatever follows it', () => {
  const connection = fc.oneof(places(addresses[0]!), places(addresses[1]!), fc.constant(undefined));
  const property = fc.property(fc.constantFrom('v1' as const, 'v2' as const), connection, fc.uint8Array(), (version, given, rest) => {
    const header = encodeProxyHeader(version, given);
    const parsed = parseProxyHeader(Buffer.concat([header, rest]));
    expect(parsed).toEqual({ kind: 'header', version, length: header.length, connection: given });
  });
  fc.assert(property, { seed: 5, numRuns: 500 });
});

test('addresses of two versions are no connection', () => {
  expect(encodeProxyHeader('v1', { source: four.source, destination: six.destination }).toString()).toBe('PROXY UNKNOWN\r\n');
});

test('nothing breaks, whatever comes', () => {
  const start = fc.constantFrom('', 'PROXY ', 'PROXY TCP4 ', sig, `${sig}\x21\x11`);
  const property = fc.property(start, fc.uint8Array({ maxLength: 200 }), (text, bytes) => {
    const all = Buffer.concat([Buffer.from(text, 'latin1'), bytes]);
    const parsed = parseProxyHeader(all);
    if (parsed.kind === 'header') expect(parsed.length).toBeLessThanOrEqual(all.length);
    else expect(['incomplete', 'absent', 'malformed']).toContain(parsed.kind);
  });
  fc.assert(property, { seed: 6, numRuns: 2000 });
});

test.each([
  ['::', '::'],
  ['1::', '1::'],
  ['::1', '::1'],
  ['1:0:0:2:0:0:0:3', '1:0:0:2::3'],
  ['2001:DB8::A', '2001:db8::a'],
  ['1:2:3:4:5:6:7:8', '1:2:3:4:5:6:7:8'],
  ['1:0:3:4:5:6:7:8', '1:0:3:4:5:6:7:8'],
])('%s is written %s', (text, expected) => {
  expect(formatIp(ipv6Bytes(text)!)).toBe(expected);
});

test.each(['', '1', '1:2', ':::', '1::2::3', '1:2:3:4:5:6:7:8:9', '1:2:3:4:5:6:7::8', 'g::', '12345::', '::1.2.3.4'])(
  '%j is no IPv6 address',
  (text) => {
    expect(ipv6Bytes(text)).toBeUndefined();
  },
);

test.each(['', '1.2.3', '1.2.3.4.5', '1.2.3.256', 'a.b.c.d'])('%j is no IPv4 address', (text) => {
  expect(ipv4Bytes(text)).toBeUndefined();
});
