import { expect, test } from 'vitest';
import { SeededRandom } from '#foundation/random';
import { createUuids, uuid } from '#foundation/uuid';

const version4 = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;

test('a UUID is of version 4', () => {
  const random = new SeededRandom(1);
  for (let i = 0; i < 100; i++) expect(uuid(random)).toMatch(version4);
});

test('UUIDs by the thousand are all of version 4, and no two are alike, over the end of a batch too', () => {
  const next = createUuids(new SeededRandom(2));
  const made = Array.from({ length: 70_000 }, next);
  expect(made.filter((id) => !version4.test(id))).toEqual([]);
  expect(new Set(made).size).toBe(made.length);
  expect(new Set(made.map((id) => id.slice(8))).size).toBe(2);
});
