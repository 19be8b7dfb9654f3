import { expect, test } from 'vitest';
import { DecodeCache } from '#proxy/config/decode-cache';
import { type TypeUrl, typeUrl } from '#xds/resource-type';

const first: { type: TypeUrl; name: string; version: string; bytes: string } = {
  type: typeUrl.route,
  name: '9080',
  version: '1',
  bytes: 'abc',
};

const others = [
  { what: 'another type', ...first, type: typeUrl.cluster },
  { what: 'another name', ...first, name: '9081' },
  { what: 'another version', ...first, version: '2' },
  { what: 'other bytes of the same version', ...first, bytes: 'abd' },
];

function cacheWithCount() {
  const cache = new DecodeCache();
  const decoded: string[] = [];
  const decode = ({ type, name, version, bytes }: typeof first) =>
    cache.decode(type, name, version, Buffer.from(bytes), () => {
      decoded.push(bytes);
      return { ok: true, value: { of: bytes } };
    });
  return { decode, decoded };
}

test('the same bytes are decoded once, and kept once', () => {
  const { decode, decoded } = cacheWithCount();
  const [a, b] = [decode(first), decode(first)];
  expect(decoded).toEqual(['abc']);
  expect(b).toBe(a);
});

test.each(others)('$what is decoded for itself, and the first stays known', (other) => {
  const { decode, decoded } = cacheWithCount();
  const [a, b] = [decode(first), decode(other)];
  expect(b).not.toBe(a);
  expect(b.decoded).toEqual({ ok: true, value: { of: other.bytes } });
  expect(decode(first)).toBe(a);
  expect(decoded).toEqual(['abc', other.bytes]);
});
