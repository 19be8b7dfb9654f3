import { expect, test } from 'vitest';
import { endInOrder } from '#foundation/ending';

test('every step runs, one after the other, and what went wrong is said at the end', async () => {
  const seen: string[] = [];
  const end = endInOrder({
    first: async () => {
      await Promise.resolve();
      seen.push('first');
    },
    second: () => {
      throw new Error('cannot find module');
    },
    third: async () => Promise.reject(new Error('busy')),
    fourth: () => seen.push('fourth'),
  });
  await expect(end).rejects.toMatchObject({
    code: 'ENDED_BADLY',
    message: 'not all has ended well: second: cannot find module; third: busy',
    cause: new Error('cannot find module'),
  });
  expect(seen).toEqual(['first', 'fourth']);
});

test('nothing is said where nothing went wrong', async () => {
  await expect(endInOrder({ nothing: () => undefined })).resolves.toBeUndefined();
});
