import { expect, test } from 'vitest';
import { readMetadataHeader } from '#codec/metadata-exchange';

/** Of a message of so many bytes. */
const header = (bytes: number) =>
  Buffer.concat([Buffer.from([0x3d, 0x23, 0x04, 0x67, 0, bytes >> 16, bytes >> 8, bytes]), Buffer.alloc(bytes)]);

test('in whatever pieces, the header ends where its length says', () => {
  const whole = header(300);
  for (let cut = 0; cut < whole.length; cut++) expect(readMetadataHeader(whole.subarray(0, cut))).toEqual({ kind: 'partial' });
  expect(readMetadataHeader(whole)).toEqual({ kind: 'header', end: 308 });
  expect(readMetadataHeader(Buffer.concat([whole, Buffer.from('data')]))).toEqual({ kind: 'header', end: 308 });
});

test.each([
  ['another protocol', Buffer.from('GET / HTTP/1.1')],
  ['one that begins alike', Buffer.from([0x3d, 0x23, 0x05])],
  ['a message that is too long to be one', header(0).fill(0xff, 4)],
])('%s is none', (_, bytes) => {
  expect(readMetadataHeader(bytes)).toEqual({ kind: 'none' });
});
