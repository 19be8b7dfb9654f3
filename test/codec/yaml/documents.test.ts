import { describe, expect, test } from 'vitest';
import { parseYaml, yamlBytesMax } from '#codec/yaml/documents';

const broken: readonly (readonly [string, string, readonly string[]])[] = [
  ['a field given twice', 'a: 1\nb: 2\na: 3\n', ['3:1 this field is given twice']],
  ['two faults in one document', 'a: 1\na: 2\nb:\n  c: 1\n  c: 2\n', ['2:1 this field is given twice', '5:3 this field is given twice']],
  ['a tab as indentation', 'a:\n\tb: 1\n', ['2:1 a tab indents this line: use spaces']],
];

describe('parseYaml', () => {
  test.each(broken)('says where: %s', (_, text, expected) => {
    const [document] = parseYaml(text);
    expect(document!.problems.map(({ line, column, message }) => `${line}:${column} ${message}`)).toEqual(expected);
    expect(document!.value).toBeUndefined();
  });

  test('leaves empty documents out, and keeps the sound beside the broken', () => {
    const documents = parseYaml('---\n---\na: 1\n---\n# nothing\n---\nb: "\n---\nc: 3\n');
    expect(documents.map(({ value }) => value)).toContainEqual({ a: 1 });
    expect(documents.some(({ problems }) => problems.length > 0)).toBe(true);
  });

  test('reads JSON, tabs included', () => {
    const [document] = parseYaml('{\n\t"a": [1, {"b": null}]\n}');
    expect(document!.value).toEqual({ a: [1, { b: null }] });
    expect(document!.positionOf(['a', 1, 'b'])).toEqual({ line: 2, column: 12 });
  });

  test('finds fields through aliases, and the nearest one where there is none', () => {
    const [document] = parseYaml('x: &x\n  y: 1\nz: *x\nlist:\n- p: 1\n- q: 2\n');
    const line = (...path: (string | number)[]) => document!.positionOf(path).line;
    expect([line(), line('z', 'y'), line('list', 1), line('list', 1, 'q', 'r'), line('none')]).toEqual([1, 2, 6, 6, 1]);
  });

  test('is bounded: size, depth, aliases that unfold without end', () => {
    expect(parseYaml(' '.repeat(yamlBytesMax + 1))[0]!.problems).toHaveLength(1);
    expect(parseYaml('['.repeat(200_000))[0]!.problems.length).toBeGreaterThan(0);
    const bomb = [
      'a: &a [x]',
      ...Array.from({ length: 9 }, (_, i) => `b${i}: &${'bcdefghij'[i]} [${`*${'abcdefghi'[i]},`.repeat(9)}]`),
    ].join('\n');
    expect(parseYaml(bomb)[0]!.problems).toHaveLength(1);
  });
});
