// Input that is wrong: refused or warned of with file, line, field and a way to mend it, and what served before serves on.
import { writeFileSync } from 'node:fs';
import path from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { destinationRuleKind } from '#api/kinds/destination-rule';
import { virtualServiceKind } from '#api/kinds/virtual-service';
import { type CommandResult, useMesh, whyNotBuilt } from './mesh-fixture.ts';
import { until } from './until.ts';

const mesh = useMesh();

const subsets = (...names: string[]) => `
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: reviews}
spec:
  host: reviews
  subsets: [${names.map((name) => `{name: ${name}, labels: {version: ${name}}}`).join(', ')}]
`;

const toSubset = (subset: string, name = 'reviews') => `apiVersion: networking.istio.io/v1
kind: VirtualService
metadata:
  name: ${name}
spec:
  hosts:
    - reviews
  http:
    - route:
        - destination:
            host: reviews
            subset: ${subset}
`;

beforeAll(async () => {
  if (whyNotBuilt !== undefined) return;
  await mesh.apply(subsets('v1', 'v2'));
  await mesh.apply(toSubset('v1'));
  await until('v1 serves', () => servedAllBy('v1'));
});

async function servedAllBy(version: string): Promise<true | string> {
  for (let i = 0; i < 6; i++) {
    const { status, body } = await mesh.get('/api/v1/products/0/reviews');
    if (status !== 200 || !body.includes(`reviews-${version}-`)) return `${status} ${body.slice(0, 120)}`;
  }
  return true;
}

/** Applies a file of this content, so that messages have its name. */
async function applyFile(name: string, content: string): Promise<CommandResult> {
  const file = path.join(mesh.directory, name);
  writeFileSync(file, content);
  return mesh.lateen(['apply', '-f', file]);
}

const sidecarRule = (field: string) => toSubset('v2').replace('  http:', `${field}\n  http:`);

interface Refusal {
  name: string;
  yaml: string;
  /** What the message says: place and cause. */
  says: RegExp[];
}

const refusals: Refusal[] = [
  { name: 'YAML that cannot be read', yaml: 'kind: [VirtualService\nmetadata: {', says: [/broken\.yaml:\d+:\d+: /] },
  {
    name: 'an unknown field',
    yaml: toSubset('v2').replace('    - route:', '    - rout:'),
    says: [/broken\.yaml:9:\d+: VirtualService reviews spec\.http\[0\]\.rout: /, /hint: .*route/],
  },
  {
    name: 'a field of the wrong type',
    yaml: sidecarRule('  gateways: mesh'),
    says: [/broken\.yaml:8:\d+: VirtualService reviews spec\.gateways: /],
  },
  {
    name: 'an unknown kind',
    yaml: toSubset('v2').replace('kind: VirtualService', 'kind: VirtualServise'),
    says: [/broken\.yaml:[12]:\d+: /, /VirtualServise/, /hint: .*VirtualService/],
  },
  {
    name: 'an unknown version of a kind',
    yaml: toSubset('v2').replace('networking.istio.io/v1', 'networking.istio.io/v9'),
    says: [/broken\.yaml:1:\d+: /, /networking\.istio\.io\/v9/, /hint: .*networking\.istio\.io\/v1/],
  },
  {
    name: 'weights that make no sense',
    yaml: toSubset('v2').replace('        - destination:', '        - weight: -1\n          destination:'),
    says: [/broken\.yaml:10:\d+: VirtualService default\/reviews spec\.http\[0\]\.route\[0\]\.weight: /],
  },
];

describe('refused by `lateen apply`, with place and remedy', () => {
  test.each(refusals)('$name', async ({ yaml, says }) => {
    const { code, stderr } = await applyFile('broken.yaml', yaml);
    expect(code).toBe(1);
    for (const pattern of says) expect(stderr).toMatch(pattern);
    expect(await servedAllBy('v1')).toBe(true);
  });

  test('one bad resource leaves the others of its file', async () => {
    const { code, stdout, stderr } = await applyFile(
      'mixed.yaml',
      `${subsets('v1', 'v2')}---\n${toSubset('v2').replace('- route:', '- rout:')}`,
    );
    expect(code).toBe(1);
    expect(stdout).toContain('destinationrule.networking.istio.io/reviews configured');
    expect(stderr).toMatch(/mixed\.yaml:\d+:\d+: VirtualService reviews spec\.http/);
    expect(await servedAllBy('v1')).toBe(true);
  });
});

describe('taken with a warning', () => {
  test('an unknown subset: the last good version serves until the subset is defined', async () => {
    const { code, stderr } = await applyFile('subset.yaml', toSubset('v3'));
    expect(code).toBe(0);
    expect(stderr).toMatch(
      /warning: .*subset\.yaml:10.* VirtualService default\/reviews spec\.http\[0\]\.route\[0\]\.destination\.subset: .*"v3"/,
    );
    expect(stderr).toContain('DestinationRule');
    await until('the control plane says so too', async () =>
      (await mesh.problems()).some(({ code, object, hint }) => code === 'UNKNOWN_SUBSET' && object?.endsWith('default/reviews') && hint),
    );
    expect(await servedAllBy('v1')).toBe(true);
    await mesh.apply(subsets('v1', 'v2', 'v3'));
    await until('v3 serves', () => servedAllBy('v3'));
    expect(await mesh.problems()).toEqual([]);
    await mesh.apply(toSubset('v1'));
    await until('v1 serves', () => servedAllBy('v1'));
  });

  test('two VirtualServices of one host: both are named, the older serves', async () => {
    const older = JSON.parse((await mesh.lateen(['get', 'virtualservice', 'reviews', '-o', 'json'])).stdout);
    await until(
      'the next is younger by the second that timestamps count',
      async () => Date.now() >= Date.parse(older.metadata.creationTimestamp) + 1000,
    );
    const { code, stderr } = await applyFile('clash.yaml', toSubset('v2', 'a-younger-one'));
    expect(code).toBe(0);
    expect(stderr).toMatch(/warning: .*clash\.yaml:7.* VirtualService default\/a-younger-one spec\.hosts\[0\]: /);
    expect(stderr).toContain('VirtualService default/reviews');
    await mesh.untilSynced();
    expect(await servedAllBy('v1')).toBe(true);
    await mesh.delete(virtualServiceKind, 'reviews');
    await until('the younger serves', () => servedAllBy('v2'));
    await mesh.delete(virtualServiceKind, 'a-younger-one');
    await mesh.apply(toSubset('v1'));
    await until('v1 serves', () => servedAllBy('v1'));
  });

  test('a DestinationRule in use that is deleted: the problem is said, and is gone once the rule is back', async () => {
    await mesh.delete(destinationRuleKind, 'reviews');
    await until('the problem is said', async () => (await mesh.problems()).some(({ code }) => code === 'UNKNOWN_SUBSET'));
    await mesh.apply(subsets('v1', 'v2'));
    await until('v1 serves', () => servedAllBy('v1'));
    expect(await mesh.problems()).toEqual([]);
  });
});
