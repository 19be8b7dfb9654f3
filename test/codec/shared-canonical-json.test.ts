// However many ask, Envoy's types are read once; a failure is not remembered.
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { sharedCanonicalJson } from '#codec/protobuf/shared-canonical-json';

const descriptors = readFileSync(new URL('../../src/codec/protobuf/generated/descriptors.binpb', import.meta.url));

test('those who ask at once, and later while it is held, get the same', async () => {
  let reads = 0;
  const canonicalJson = sharedCanonicalJson(async () => {
    reads++;
    return descriptors;
  });
  const [first, second] = await Promise.all([canonicalJson(), canonicalJson()]);
  expect(second).toBe(first);
  expect(await canonicalJson()).toBe(first);
  expect(reads).toBe(1);
});

test('a read that fails reaches all who asked, and the next who asks reads anew', async () => {
  let reads = 0;
  const canonicalJson = sharedCanonicalJson(async () => {
    if (++reads === 1) throw new Error('EMFILE');
    return descriptors;
  });
  const asked = [canonicalJson(), canonicalJson()];
  await expect(asked[0]).rejects.toThrow('EMFILE');
  await expect(asked[1]).rejects.toThrow('EMFILE');
  await canonicalJson();
  expect(reads).toBe(2);
});
