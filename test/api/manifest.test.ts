import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { fieldPath, parseFieldPath } from '#api/field-path';
import { readManifest } from '#api/manifest';
import { originAnnotation, originOf } from '#api/origin';
import { formatProblem } from '#foundation/problem';

const text = `# A comment first
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata:
  name: reviews
spec:
  hosts:
  - reviews
  http:
  - match:
    - headers:
        end-user:
          exact: jason
    route:
    - destination:
        host: reviews
        subset: v2
  - route:
    - destination:
        host: reviews
        subset: v1
---
---
apiVersion: v1
kind: List
items:
- apiVersion: v1
  kind: ConfigMap
  metadata: {name: a}
- apiVersion: v1
  kind: ConfigMap
  metadata: {name: b}
  dato: {}
`;

describe('readManifest', () => {
  const { objects, problems, refused } = readManifest(text, 'dir/reviews.yaml');

  test('keeps the lines of rules, matches and destinations', () => {
    const [reviews] = objects;
    const line = (field?: string) => originOf(reviews!, field);
    expect(line()).toEqual({ file: 'dir/reviews.yaml', line: 2 });
    expect(line('spec.http[0]')?.line).toBe(10);
    expect(line('spec.http[0].match[0].headers.end-user')?.line).toBe(11);
    expect(line('spec.http[0].route[0].destination.subset')?.line).toBe(15);
    expect(line('spec.http[1].timeout')?.line).toBe(18);
    expect(line('spec.gateways')?.line).toBe(2);
  });

  test('takes lists apart, and what is sound of them', () => {
    expect(objects.map((object) => object.metadata.name)).toEqual(['reviews', 'a']);
    expect(refused).toEqual(['ConfigMap b']);
    expect(problems.map(formatProblem)).toEqual([
      'dir/reviews.yaml:33:3: ConfigMap b dato: unknown field "dato"\n  hint: did you mean "data"?',
    ]);
  });

  test('degrades by document', () => {
    const { objects, problems } = readManifest(`a: [\n---\n${text}`, 'x.yaml');
    expect(objects).toHaveLength(2);
    expect(problems.filter(({ code }) => code === 'YAML_SYNTAX').length).toBeGreaterThan(0);
  });

  test('bounds the lines that it keeps', () => {
    const { objects } = readManifest(
      `apiVersion: networking.istio.io/v1\nkind: Gateway\nmetadata: {name: g}\nspec:\n  servers:\n${Array.from({ length: 1500 }, (_, i) => `  - {port: {number: 80, name: n${i}, protocol: HTTP}, hosts: ["*"]}\n`).join('')}`,
      'g.yaml',
    );
    const origin = JSON.parse(objects[0]!.metadata.annotations![originAnnotation]!);
    expect(Object.keys(origin.lines)).toHaveLength(1000);
    expect(originOf(objects[0]!, 'spec.servers[1400]')?.line).toBe(1);
  });
});

test('field paths come back from text', () => {
  const paths = [
    ['spec', 'http', 0, 'headers', 'end-user'],
    ['metadata', 'labels', 'a.b/c"d', 1],
    ['data', '', 'x'],
  ];
  for (const path of paths) expect(parseFieldPath(fieldPath(path))).toEqual(path);
});

const samples = '/work/shared/samples/bookinfo';
describe.skipIf(!existsSync(samples))("Istio's samples decode without an error", () => {
  const networking = existsSync(samples) ? readdirSync(join(samples, 'networking')).map((name) => join(samples, 'networking', name)) : [];
  test.each([...networking, join(samples, 'platform/kube/bookinfo.yaml')])('%s', (file) => {
    const { objects, problems } = readManifest(readFileSync(file, 'utf8'), file);
    expect(problems.filter(({ level }) => level === 'error')).toEqual([]);
    expect(objects.length).toBeGreaterThan(0);
  });
});
