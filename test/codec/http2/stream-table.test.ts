import fc from 'fast-check';
import { expect, test } from 'vitest';
import { StreamTable, type TableEntry } from '#codec/http2/stream-table';

class Entry implements TableEntry<Entry> {
  chained: Entry | undefined;
  constructor(readonly id: number) {}
}

test('it is a map of ids, whatever comes and goes', () => {
  const step = fc.record({ id: fc.integer({ min: 0, max: 150 }).map((i) => 2 * i + 1), adds: fc.boolean() });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 400 }), (steps) => {
      const table = new StreamTable<Entry>();
      const model = new Map<number, Entry>();
      for (const { id, adds } of steps) {
        if (adds && !model.has(id)) {
          const entry = new Entry(id);
          model.set(id, entry);
          table.add(entry);
        } else if (!adds) {
          const removed = table.remove(id);
          expect(removed).toBe(model.get(id));
          expect(removed?.chained).toBeUndefined();
          model.delete(id);
        }
        expect(table.get(id)).toBe(model.get(id));
      }
      expect(table.size).toBe(model.size);
      expect(new Set(table.all())).toEqual(new Set(model.values()));
    }),
  );
});
