import { describe, expect, test } from 'vitest';
import { customResourceDefinition, istioKinds } from '#api/custom-resource-definition';
import type { Kind } from '#api/kind';
import { kindNamed } from '#api/registry';

type Node = Record<string, unknown>;

function* nodes(schema: Node, path: string): Iterable<[string, Node]> {
  yield [path, schema];
  for (const [name, part] of Object.entries((schema['properties'] ?? {}) as Record<string, Node>)) yield* nodes(part, `${path}.${name}`);
  if (schema['items']) yield* nodes(schema['items'] as Node, `${path}[]`);
  if (schema['additionalProperties']) yield* nodes(schema['additionalProperties'] as Node, `${path}{}`);
}

const schemaOf = (kind: Kind) => {
  const { versions } = customResourceDefinition(kind)['spec'] as { versions: { name: string; storage: boolean; schema: Node }[] };
  return versions[0]!.schema['openAPIV3Schema'] as Node;
};

const kind = (word: string) => kindNamed(word)!;

describe('every CustomResourceDefinition', () => {
  test.each(istioKinds.map((each) => [each.kind, each] as const))('%s is structural', (_, each) => {
    const loose = [...nodes(schemaOf(each), '')].filter(
      ([, node]) => node['type'] === undefined && !node['x-kubernetes-preserve-unknown-fields'] && !node['x-kubernetes-int-or-string'],
    );
    expect(loose).toEqual([]);
    for (const [path, node] of nodes(schemaOf(each), '')) {
      const required = (node['required'] ?? []) as string[];
      expect({ path, missing: required.filter((name) => !(name in ((node['properties'] ?? {}) as Node))) }).toEqual({ path, missing: [] });
    }
  });

  test.each(istioKinds.map((each) => [each.kind, each] as const))('%s stores one of its versions', (_, each) => {
    const { versions } = customResourceDefinition(each)['spec'] as { versions: { name: string; storage: boolean }[] };
    expect(versions.filter(({ storage }) => storage)).toHaveLength(1);
    expect(versions.map(({ name }) => name)).toEqual(each.versions);
  });
});

test.each([
  ['vs', '.spec.http[].timeout', "duration(self) >= duration('1ms')"],
  ['vs', '.spec.http[].match[].uri', '(has(self.exact) ? 1 : 0) + (has(self.prefix) ? 1 : 0) + (has(self.regex) ? 1 : 0) == 1'],
  ['pa', '.spec.portLevelMtls', 'self.all(key, 0 < int(key) && int(key) <= 65535)'],
  ['ap', '.spec.selector.matchLabels{}', "!self.contains('*')"],
])('%s %s carries its rule as CEL', (word, path, rule) => {
  const node = [...nodes(schemaOf(kind(word)), '')].find(([at]) => at === path)?.[1];
  expect(node?.['x-kubernetes-validations']).toContainEqual(expect.objectContaining({ rule }));
});
