// The walk that says yes or no, held against the compiled checks: on objects as they should be, and on thousands that were spoiled.
import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { isPlainObject } from '#api/json';
import type { Kind } from '#api/kind';
import { kindOf, kinds } from '#api/registry';
import { acceptorOf } from '#api/schema/acceptor';
import { compiledErrors } from '#api/schema/validator';
import { parseYaml } from '#codec/yaml/documents';
import { SeededRandom } from '#foundation/random';

const folders = ['../golden', '../analysis/fixtures', '../../samples/bookinfo'].map((folder) =>
  fileURLToPath(new URL(folder, import.meta.url)),
);
const spoiledPerObject = 40;

function manifests(): { kind: Kind; object: Record<string, unknown>; from: string }[] {
  const files = folders.flatMap((folder) =>
    readdirSync(folder, { recursive: true, encoding: 'utf8' })
      .filter((file) => file.endsWith('.yaml') && !file.endsWith('.out.yaml'))
      .map((file) => path.join(folder, file)),
  );
  return files.flatMap((from) =>
    parseYaml(readFileSync(from, 'utf8')).flatMap(({ value }) => {
      const kind = isPlainObject(value) ? kindOf(String(value['apiVersion']), String(value['kind'])) : undefined;
      return kind && isPlainObject(value) ? [{ kind, object: value, from }] : [];
    }),
  );
}

const odd: readonly unknown[] = [
  null,
  true,
  0,
  -1,
  1.5,
  1e12,
  '',
  '*',
  'no such word',
  '1x',
  '(',
  [],
  ['a'],
  [{}],
  {},
  { a: 1 },
  { '': 'x' },
  Number.NaN,
];

/** One place of it is another value, is gone, or has a field too many. */
function spoil(value: unknown, random: SeededRandom): unknown {
  const some = <T>(list: readonly T[]): T => list[Math.floor(random.next() * list.length)]!;
  if (random.next() < 0.15 || typeof value !== 'object' || value === null) return some(odd);
  if (Array.isArray(value)) {
    if (value.length === 0 || random.next() < 0.1) return [...value, some(odd)];
    const at = Math.floor(random.next() * value.length);
    return value.map((element, i) => (i === at ? spoil(element, random) : element));
  }
  const names = Object.keys(value);
  const name = some(names);
  const choice = random.next();
  if (names.length === 0 || choice < 0.1) return { ...value, [some(['more', 'spec', 'name'])]: some(odd) };
  if (choice < 0.2) return Object.fromEntries(Object.entries(value).filter(([each]) => each !== name));
  return { ...value, [name]: spoil((value as Record<string, unknown>)[name], random) };
}

test('every kind is known to the walk', () => {
  expect(kinds.filter(({ schema }) => acceptorOf(schema) === undefined).map(({ kind }) => kind)).toEqual([]);
});

test('what the walk says, the compiled checks say', () => {
  const random = new SeededRandom(20_261_121);
  const verdicts = { good: 0, bad: 0 };
  for (const { kind, object, from } of manifests()) {
    const accepts = acceptorOf(kind.schema)!;
    for (let i = 0; i < spoiledPerObject; i++) {
      const value = i === 0 ? object : spoil(object, random);
      const errors = compiledErrors(kind.schema, value);
      expect(accepts(value), `${from}: ${JSON.stringify(value)} ${JSON.stringify(errors[0]?.instancePath)}`).toBe(errors.length === 0);
      verdicts[errors.length === 0 ? 'good' : 'bad']++;
    }
  }
  // Of both kinds, enough to mean something.
  expect(verdicts.good).toBeGreaterThan(500);
  expect(verdicts.bad).toBeGreaterThan(5_000);
});
