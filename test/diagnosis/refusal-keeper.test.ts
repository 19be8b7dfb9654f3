// What proxies refuse stands on the resource as a condition, beside whatever else its status says, and goes when it is mended.
import { expect, test } from 'vitest';
import type { ApiObject } from '#api/kind';
import { virtualServiceKind } from '#api/kinds/virtual-service';
import { RefusalKeeper } from '#diagnosis/refusal-keeper';
import { ManualClock } from '#foundation/clock';
import { silentLogger } from '#foundation/logger';
import { SeededRandom } from '#foundation/random';
import { MemoryStore } from '#store/memory-store';

const object = {
  apiVersion: 'networking.istio.io/v1',
  kind: 'VirtualService',
  metadata: { name: 'reviews', namespace: 'default' },
  spec: { hosts: ['reviews'], http: [{ route: [{ destination: { host: 'reviews' } }] }] },
} as ApiObject;
const other = { type: 'Reconciled', status: 'True' };
const refused = { kind: 'VirtualService', namespace: 'default', name: 'reviews', proxies: ['a.b', 'c.d', 'e.f', 'g.h'], reason: 'too odd' };

test('it comes, changes and goes', async () => {
  const clock = new ManualClock();
  const store = new MemoryStore({ clock, random: new SeededRandom(1) });
  const keeper = new RefusalKeeper({ store, clock, logger: silentLogger });
  const created = await store.create(object);
  await store.updateStatus({ ...created, status: { conditions: [other], validationMessages: [] } } as ApiObject);
  const stored = async () =>
    (await store.get(virtualServiceKind, 'default', 'reviews')) as ApiObject & { status: { conditions: object[] } };

  await keeper.update([refused, { ...refused, name: 'gone' }], []);
  const condition = { type: 'AcceptedByProxies', status: 'False', reason: 'Refused', observedGeneration: 1 };
  const message = 'refused by a.b, c.d, e.f and 1 more: too odd';
  expect((await stored()).status).toMatchObject({ conditions: [other, { ...condition, message }], validationMessages: [] });

  const version = (await stored()).metadata.resourceVersion;
  await keeper.update([refused], [await stored()]);
  expect((await stored()).metadata.resourceVersion, 'nothing new is not written').toBe(version);

  await keeper.update([{ ...refused, proxies: ['a.b'] }], [await stored()]);
  expect((await stored()).status.conditions[1]).toMatchObject({ message: 'refused by a.b: too odd' });

  await keeper.update([], [await stored()]);
  expect((await stored()).status).toEqual({ conditions: [other], validationMessages: [] });
});
