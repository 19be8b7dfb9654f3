// The reader of plain YAML against the parser of the whole language: the same values, at the same places, or it gives up.
import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { stringify } from 'yaml';
import { parseAny, parseYaml } from '#codec/yaml/documents';
import { readPlain } from '#codec/yaml/plain-reader';

type Path = (string | number)[];

/** Of every field and element, and of some that are not there. */
function* pathsOf(value: unknown, path: Path = []): Iterable<Path> {
  yield path;
  yield [...path, 'missing'];
  if (Array.isArray(value)) for (const [index, item] of value.entries()) yield* pathsOf(item, [...path, index]);
  else if (typeof value === 'object' && value !== null)
    for (const [key, item] of Object.entries(value)) yield* pathsOf(item, [...path, key]);
}

/** Whether it was read as plain; if so, exactly as by the parser. */
function compared(text: string): boolean {
  if (readPlain(text) === undefined) return false;
  const [plain, whole] = [parseYaml(text), parseAny(text)];
  expect(
    plain.map(({ value }) => value),
    text,
  ).toEqual(whole.map(({ value }) => value));
  expect(
    whole.flatMap(({ problems }) => problems),
    text,
  ).toEqual([]);
  for (const [index, { value, line, column, positionOf }] of whole.entries()) {
    expect([plain[index]!.line, plain[index]!.column], text).toEqual([line, column]);
    for (const path of pathsOf(value)) expect(plain[index]!.positionOf(path), `${text}\n${path.join('/')}`).toEqual(positionOf(path));
  }
  return true;
}

const plain = [
  "a: 1\nb: two\nc: \"3\"\nd: 'it''s'\ne:\nf: ~\ng: 1.5\nh: -2\ni: yes\nj: TRUE\nk: .5\nl: 1.\n",
  'a:\n  - 1\n  - b: 2\n    c: 3\n  -   - x\n      - y\nd:\n- e\n- f: g\nh: i\n',
  '# first\n---\na: 1 # one\n# between\n\nb: 2\n--- # second\nc: d#e\n---\n---\n# nothing\n',
  'a: {b: 1, "c": [x, y z, {d: e}], f: "g,h", i: j:k}\nl: []\nm: {}\nn: [1,\n  2, # two\n  3]\n',
  '{"a":1,"b":{"c":[true,null,"\\u00e9\\n"]}}',
  '{\n  "a": [\n    1,\n    2\n  ],\n  "b": "c"\n}\n',
  'a: |\n  one\n   two\n\n  three\n\nb: |-\n    x: y\n    # no comment\nc: 1\n',
  '- a\n- b: |\n    text\n  c: d\n',
  '"quoted key": 1\n\'other\': 2\n8081: 3\ntrue: 4\nurl: http://a.b/c?d=e#f\ntime: 12:30:45\n',
  'a: -x\nb: ?y\nc: :z\nd: a, b [c] {d}\ne: "*"\nf: *.com\n'.replace('f: *.com\n', ''),
  'just text',
  '[a, b, ]',
  'a:\n    b:\n      c: 1\n    d: 2\ne: 3',
  '',
  '# only a comment',
];

/** Sound or not: the parser decides. */
const notPlain = [
  ...[
    'a: &x 1\nb: *x\n',
    'a: !!str 1\n',
    '<<: {a: 1}\n',
    'a: >\n  folded\n',
    'a: |+\n  x\n\n',
    'a: |2\n   x\n',
    '? a\n: b\n',
    '%YAML 1.2\n---\na: 1\n',
  ],
  ...[
    'a: one\n  two\n',
    'a: "one\n  two"\n',
    'a: [one\n  two]\n',
    'a:\n\tb: 1\n',
    'a: 1\r\nb: 2\r\n',
    '\uFEFFa: 1\n',
    'a: 1\n...\nb: 2\n',
    '--- a\n',
  ],
  ...[
    'a: 1\na: 2\n',
    'a: b: c\n',
    'a: [1, 2\n',
    'a: {b: 1\n',
    'a: "x\n',
    'a: "x" y\n',
    'a: 1\n  b: 2\n',
    '  a: 1\n b: 2\n',
    '- a\nb: 1\n',
    'a: 1\n- b\n',
  ],
  ...[
    'a: 0x1f\n',
    'a: 0o17\n',
    'a: 1e3\n',
    'a: .inf\n',
    'a: 12345678901234567890\n',
    '01: a\n',
    '1.0: a\n',
    'null: a\n',
    '__proto__: 1\n',
    'a: "\\x41"\n',
  ],
  ...[
    'a: {b, c}\n',
    '[a: b]\n',
    'a: {b:1}\n',
    'a: [b[c]]\n',
    'a: [\n1]\n',
    '{a: 1}: b\n',
    'a: {b: 1} c\n',
    'a: -\n',
    'a: @x\n',
    'a: `x`\n',
    '-\n- a\n',
    `${'['.repeat(150)}`,
  ],
];

describe('a text that is plain is read as the parser reads it', () => {
  test.each(plain)('%j', (text) => {
    expect(compared(text)).toBe(true);
  });
});

test.each(notPlain)('left to the parser: %j', (text) => {
  expect(readPlain(text)).toBeUndefined();
});

test('every file of samples and tests', () => {
  const root = fileURLToPath(new URL('../../..', import.meta.url));
  const files = ['samples', 'test'].flatMap((folder) =>
    readdirSync(`${root}/${folder}`, { recursive: true, encoding: 'utf8' })
      .filter((file) => file.endsWith('.yaml'))
      .map((file) => `${root}/${folder}/${file}`),
  );
  const read = files.filter((file) => compared(readFileSync(file, 'utf8')));
  expect(files.length).toBeGreaterThan(30);
  expect(read.length / files.length).toBeGreaterThan(0.8);
});

test('generated values in all styles', () => {
  const text = fc.oneof(
    fc.string({ maxLength: 12 }),
    fc.constantFrom('a b', 'x: y', '- z', '#', 'a #b', '1', 'null', '~', "it's", '"', '{', '', ' ', 'a\nb\n'),
  );
  const { value } = fc.letrec((tie) => ({
    value: fc.oneof({ depthSize: 'small' }, text, fc.integer(), fc.boolean(), fc.constant(null), tie('list'), tie('map')),
    list: fc.array(tie('value'), { maxLength: 4 }),
    map: fc.dictionary(text, tie('value'), { maxKeys: 4 }),
  }));
  let read = 0;
  fc.assert(
    fc.property(fc.array(value, { minLength: 1, maxLength: 3 }), fc.constantFrom(0, 2), fc.boolean(), (values, indent, flow) => {
      const options = { indent: indent || 4, indentSeq: indent === 0, collectionStyle: flow ? ('flow' as const) : ('any' as const) };
      if (compared(values.map((each) => stringify(each, options)).join('---\n'))) read++;
      if (compared(JSON.stringify(values))) read++;
    }),
    { numRuns: 2_000, seed: 11 },
  );
  expect(read).toBeGreaterThan(1_500);
});

test('texts that a few characters have spoiled', () => {
  const marks = [...':-#{}[],\'"|>&*!%@ \n?~ab1'];
  fc.assert(
    fc.property(
      fc.constantFrom(...plain),
      fc.array(fc.tuple(fc.nat(200), fc.constantFrom(...marks), fc.boolean()), { maxLength: 4 }),
      (text, edits) => {
        let spoiled = text;
        for (const [at, mark, replace] of edits) {
          const where = at % (spoiled.length + 1);
          spoiled = spoiled.slice(0, where) + mark + spoiled.slice(where + (replace ? 1 : 0));
        }
        compared(spoiled);
      },
    ),
    { numRuns: 10_000, seed: 12 },
  );
});
