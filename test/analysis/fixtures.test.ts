// Files with what analyzers must find in them, written as comments: `# expect CODE Kind name.namespace`, a line for each
// message; `# analyzer NAME` runs that one alone. Nothing else may be found, so what has no line is a negative case.
import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { analyze } from '#analysis/analyze';
import { allAnalyzers, defaultAnalyzers, precheckAnalyzers } from '#analysis/analyzers';
import { upgradeAnalyzer } from '#analysis/analyzers/upgrade';
import { type Code, codes } from '#analysis/code';
import { defaultIngressGateway } from '#analysis/default-ingress-gateway';
import { Resources } from '#analysis/resources';
import { resourceLabel } from '#analysis/suppression';
import type { ApiObject } from '#api/kind';
import { kubernetesKinds } from '#api/kubernetes-kinds';
import { manifestItems } from '#api/manifest';
import type { Problem } from '#foundation/problem';

const folder = new URL('./fixtures/', import.meta.url);

interface Fixture {
  file: string;
  objects: ApiObject[];
  expected: { code: Code; label: string }[];
  resources: Resources;
  analyzer: string | undefined;
}

const fixtures: Fixture[] = readdirSync(folder).map((file) => {
  const text = readFileSync(new URL(file, folder), 'utf8');
  const problems = new Map<ApiObject, Problem[]>();
  for (const item of manifestItems(text, file, { otherKinds: kubernetesKinds, mend: true })) {
    expect(item.object, JSON.stringify(item.problems)).toBeDefined();
    problems.set(item.object!, item.problems);
  }
  const expected = [...text.matchAll(/^# expect (\S+) (.+)$/gm)].map(([, code, label]) => ({ code: code as Code, label: label! }));
  const resources = new Resources([...defaultIngressGateway, ...problems.keys()], { problems });
  return { file, objects: [...problems.keys()], expected, resources, analyzer: /^# analyzer (.+)$/m.exec(text)?.[1] };
});

/** What no set of resources brings about, and who says it instead. */
const notFromResources: Readonly<Record<string, string>> = {
  IST0001: 'analyze, of an analyzer that fails: envoy-value.test.ts',
  IST0141: 'precheck, of an API that refuses: precheck.test.ts',
  IST0142: "precheck, of the API's version: precheck.test.ts",
  IST0143: 'precheck, of what pods listen on: local-listeners.test.ts',
};
const notFromAnalyzers = Object.keys(notFromResources);

describe('fixtures', () => {
  test.each(fixtures.map((fixture) => [fixture.file, fixture] as const))('%s', (_, { resources, analyzer, expected }) => {
    const analyzers =
      analyzer === undefined
        ? defaultAnalyzers
        : [...allAnalyzers, ...precheckAnalyzers, upgradeAnalyzer(0)].filter(({ name }) => name === analyzer);
    const found = analyze(resources, analyzers);
    const shown = found.map(({ code, object }) => `${code} ${resourceLabel(object)}`);
    expect([...new Set(shown)].sort()).toEqual([...new Set(expected.map(({ code, label }) => `${code} ${label}`))].sort());
    expect(found.filter(({ origin, object }) => origin === undefined && !defaultIngressGateway.includes(object))).toEqual([]);
  });

  test('every code is found somewhere', () => {
    const found = new Set<string>(fixtures.flatMap(({ expected }) => expected.map(({ code }) => code)));
    expect(codes.filter((code) => !found.has(code) && !notFromAnalyzers.includes(code))).toEqual([]);
    expect(notFromAnalyzers.filter((code) => found.has(code))).toEqual([]);
  });

  test('beside each finding there is an object of the kind without it', () => {
    const alone = fixtures.flatMap(({ file, objects, expected }) =>
      expected.flatMap(({ code, label }) => {
        const kind = label.split(' ')[0];
        const sound = objects.some(
          (object) => object.kind === kind && !expected.some((each) => each.code === code && each.label === resourceLabel(object)),
        );
        return sound ? [] : [`${file} ${code} ${label}`];
      }),
    );
    // A code is fine where one of its kinds has a counterpart.
    const counterparts = new Set(
      fixtures
        .flatMap(({ file, expected }) => expected.map(({ code, label }) => ({ code, key: `${file} ${code} ${label}` })))
        .filter(({ key }) => !alone.includes(key))
        .map(({ code }) => code),
    );
    expect(codes.filter((code) => !counterparts.has(code) && !notFromAnalyzers.includes(code))).toEqual([]);
  });
});
