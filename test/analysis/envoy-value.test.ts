// Values of EnvoyFilters against Envoy's own messages.
import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { analyze } from '#analysis/analyze';
import { analyzer } from '#analysis/analyzer';
import { envoyValue } from '#analysis/analyzers/envoy-value';
import { Resources } from '#analysis/resources';
import type { ApiObject } from '#api/kind';
import { readManifest } from '#api/manifest';
import { CanonicalJson } from '#codec/protobuf/canonical-json';

const json = new CanonicalJson(readFileSync(new URL('../../src/codec/protobuf/generated/descriptors.binpb', import.meta.url)));

function found(patch: string): string[] {
  const text = `apiVersion: networking.istio.io/v1alpha3\nkind: EnvoyFilter\nmetadata: {name: x}\nspec: {configPatches: [{${patch}}]}\n`;
  const { objects } = readManifest(text, 'x.yaml', { mend: true });
  const resources = new Resources(objects, { envoyProblem: (name, value) => json.problemOf(name, value as never) });
  return analyze(resources, [envoyValue]).map(({ code, field, message }) => `${code} ${field}: ${message}`);
}

const at = 'spec.configPatches[0].patch.value: is no';
const type = 'type.googleapis.com/envoy.extensions.filters.http.router.v3.Router';

test.each([
  [
    'a sound value, in both spellings of its fields',
    'applyTo: CLUSTER, patch: {operation: MERGE, value: {connectTimeout: 3s, lb_policy: RANDOM}}',
    [],
  ],
  ['any metadata', 'applyTo: CLUSTER, patch: {operation: MERGE, value: {metadata: {filter_metadata: {a: {b: [1]}}}}}', []],
  [
    'an extension that is not known',
    'applyTo: HTTP_FILTER, patch: {operation: INSERT_FIRST, value: {name: a, typed_config: {"@type": x/y.Z, b: 1}}}',
    [],
  ],
  ['nothing to put in', 'applyTo: CLUSTER, patch: {operation: REMOVE, value: {nothing: 1}}', []],
  [
    'an unknown field, perhaps of a newer Envoy',
    'applyTo: CLUSTER, patch: {operation: MERGE, value: {lb_polcy: RANDOM}}',
    [
      `IST0133 ${at} envoy.config.cluster.v3.Cluster: cannot decode message envoy.config.cluster.v3.Cluster from JSON: key "lb_polcy" is unknown`,
    ],
  ],
  [
    'an unknown word',
    'applyTo: CLUSTER, patch: {operation: MERGE, value: {lb_policy: BEST}}',
    [expect.stringMatching(/^IST0133 .*"BEST"$/)],
  ],
  [
    'a wrong type',
    'applyTo: VIRTUAL_HOST, patch: {operation: MERGE, value: {domains: a}}',
    [expect.stringMatching(/^IST0106 .*expected Array, got "a"$/)],
  ],
  [
    'a wrong type inside of an extension',
    `applyTo: HTTP_FILTER, patch: {operation: INSERT_FIRST, value: {name: a, typed_config: {"@type": ${type}, dynamic_stats: 3}}}`,
    [expect.stringMatching(/^IST0106 .*expected boolean, got 3$/)],
  ],
] as const)('%s', (_, patch, expected) => {
  expect(found(patch)).toEqual(expected);
});

describe('an analyzer that fails', () => {
  const object = { apiVersion: 'v1', kind: 'Service', metadata: { name: 'a', namespace: 'default' } } as ApiObject;
  const broken = analyzer('test.Broken', ['/Service'], () => {
    throw new Error('out of order');
  });
  const sound = analyzer('test.Sound', ['/Service'], () => []);

  test('is a finding, and takes no other with it', () => {
    expect(analyze(new Resources([object]), [broken, sound]).map(({ code, message }) => `${code} ${message}`)).toEqual([
      'IST0001 test.Broken failed: out of order',
    ]);
    expect(analyze(new Resources([object]), [sound])).toEqual([]);
  });
});
