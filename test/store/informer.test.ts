import { expect, test } from 'vitest';
import type { ApiObject } from '#api/kind';
import { configMapKind } from '#api/kinds/config-map';
import { Backoff } from '#foundation/backoff';
import { ManualClock } from '#foundation/clock';
import { SeededRandom } from '#foundation/random';
import { Informer } from '#store/informer';
import { MemoryStore } from '#store/memory-store';
import type { Store } from '#store/store';

const configMap = (name: string, data: Record<string, string> = {}) =>
  ({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name, namespace: 'default' }, data }) as ApiObject;

const turn = () => new Promise<void>((resolve) => setImmediate(resolve));

function following(store: Store) {
  const clock = new ManualClock();
  const said: string[] = [];
  const informer = new Informer(
    { store, kind: configMapKind, clock, backoff: new Backoff({ random: new SeededRandom(4), delayMsMin: 50, delayMsMax: 1_000 }) },
    {
      set: ({ metadata }) => said.push(`set ${metadata.name} ${metadata.generation}`),
      delete: ({ metadata }) => said.push(`delete ${metadata.name}`),
      synced: () => said.push('synced'),
      failed: (message) => said.push(`failed: ${message}`),
    },
  );
  return { informer, said, clock };
}

test('own writes are seen at once, and told once', async () => {
  const store = new MemoryStore({ clock: new ManualClock(), random: new SeededRandom(1) });
  const { informer, said } = following(store);
  informer.start();
  await turn();
  const first = await store.create(configMap('a'));
  informer.observe(await store.update(configMap('a', { x: '1' })));
  informer.observe(first);
  expect(informer.objects.get('default/a')).toMatchObject({ metadata: { generation: 2 } });
  await turn();
  informer.forget(await store.delete(configMapKind, 'default', 'a'));
  expect(informer.objects.size).toBe(0);
  await turn();
  informer.stop();
  expect(said.filter((line) => line.startsWith('set a 2'))).toHaveLength(1);
  expect(said.filter((line) => line.startsWith('delete'))).toEqual(['delete a']);
});

test('a store that does not answer is asked again, ever more rarely, until it does', async () => {
  const store = new MemoryStore({ clock: new ManualClock(), random: new SeededRandom(1) });
  await store.create(configMap('a'));
  let failures = 3;
  const late = Object.assign(Object.create(store) as Store, {
    list: async (...args: Parameters<Store['list']>) => {
      if (failures-- > 0) throw new Error('away');
      return store.list(...args);
    },
  });
  const { informer, said, clock } = following(late);
  informer.start();
  for (let i = 0; i < 5; i++) {
    await turn();
    clock.advance(500);
  }
  await turn();
  expect(informer.isSynced).toBe(true);
  informer.stop();
  expect(said).toEqual(['failed: away', 'failed: away', 'failed: away', 'set a 1', 'synced']);
});
