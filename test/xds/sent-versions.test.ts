// What one client was sent, over a set that many share: as a map of its own would say it, whatever comes in which order.
import { expect, test } from 'vitest';
import { SeededRandom } from '#foundation/random';
import { createResource, type Resource, type ResourceSet } from '#xds/resource';
import { typeUrl } from '#xds/resource-type';
import { SentVersions } from '#xds/sent-versions';

const seed = 20_261_121;
const names = ['a', 'b', 'c', 'd', 'e'];
const resource = (name: string): Resource => createResource(typeUrl.cluster, name, Buffer.from(name));

test('like a map', () => {
  const random = new SeededRandom(seed);
  const pick = <T>(list: readonly T[]): T => list[Math.floor(random.next() * list.length)]!;
  const sent = new SentVersions();
  const model = new Map<string, string>();
  for (let done = 0; done < 2000; done++) {
    const name = pick(names);
    const step = pick(['set', 'set', 'delete', 'delete', 'reset'] as const);
    if (step === 'set') {
      sent.set(name, String(done));
      model.set(name, String(done));
    } else if (step === 'delete') {
      sent.delete(name);
      model.delete(name);
    } else {
      const set: ResourceSet = new Map(names.filter(() => random.next() < 0.5).map((each) => [each, resource(each)]));
      sent.reset(set);
      model.clear();
      for (const { name: known, version } of set.values()) model.set(known, version);
    }
    expect([...sent.keys()].sort(), `seed ${seed}, step ${done}`).toEqual([...model.keys()].sort());
    expect(names.map((each) => [sent.get(each), sent.has(each)])).toEqual(names.map((each) => [model.get(each), model.has(each)]));
  }
});
