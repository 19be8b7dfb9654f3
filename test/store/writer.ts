// The child of durable.test.ts: writes ConfigMaps without end, sixteen at a time, and names on its output those that are acknowledged.
import { writeSync } from 'node:fs';
import { systemClock } from '#foundation/clock';
import { systemRandom } from '#foundation/random';
import { LmdbJournal } from '#store/lmdb-journal';
import { MemoryStore } from '#store/memory-store';

const [directory = '', prefix = ''] = process.argv.slice(2);
const journal = await LmdbJournal.open({ directory, historyMax: 100 });
const store = new MemoryStore({ clock: systemClock, random: systemRandom, journal, objectsMax: 1_000_000 });
const text = 'x'.repeat(500);

async function write(writer: number): Promise<void> {
  for (let i = 0; ; i++) {
    const name = `${prefix}-${writer}-${i}`;
    await store.create({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name, namespace: 'default' }, data: { text } } as never);
    writeSync(1, `${name}\n`);
  }
}

await Promise.all(Array.from({ length: 16 }, (_, writer) => write(writer)));
