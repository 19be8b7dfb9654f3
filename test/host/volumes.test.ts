// Volumes: the files that they are made of, how those change at once, and how a container sees them, with and without a mount namespace.
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync, statSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Pod } from '#api/kinds/pod';
import { fieldValue, resourceValue } from '#host/downward-api';
import { quantityOf } from '#host/quantity';
import { mountScript, withSources } from '#host/volumes/mount';
import { writePayload } from '#host/volumes/payload-directory';
import { type Volume, volumeFiles } from '#host/volumes/volume-files';

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(path.join(os.tmpdir(), 'lateen-volumes-'));
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

const machine = { cpus: 4, memoryBytes: 8 * 2 ** 30 };
const pod = {
  metadata: { name: 'p', namespace: 'n', uid: 'u', labels: { b: '2', a: 'x"y' }, annotations: { note: 'two\nlines' } },
  spec: {
    serviceAccountName: 'sa',
    containers: [{ name: 'app', resources: { limits: { memory: '128Mi' }, requests: { cpu: '250m' } } }],
  },
} as unknown as Pod;

test.each([
  ['500m', 0.5],
  ['128Mi', 134_217_728],
  ['2e3', 2_000],
  ['1.5', 1.5],
  [3, 3],
  ['1k', 1_000],
  ['much', undefined],
  [undefined, undefined],
])('the quantity %s', (text, value) => expect(quantityOf(text)).toBe(value));

test.each([
  ['metadata.labels', 'a="x\\"y"\nb="2"'],
  ["metadata.annotations['note']", 'two\nlines'],
  ['spec.serviceAccountName', 'sa'],
  ['status.podIP', '10.0.0.1'],
  ['spec.unknown', ''],
])('the field %s', (fieldPath, value) => expect(fieldValue(pod, '10.0.0.1', { fieldPath })).toBe(value));

test.each([
  ['limits.memory', '1Mi', '128'],
  ['limits.cpu', undefined, '4'],
  ['limits.cpu', '1m', '4000'],
  ['requests.cpu', undefined, '1'],
  ['requests.memory', undefined, '134217728'],
  ['limits.ephemeral-storage', undefined, ''],
])('the resource %s in units of %s', (resource, divisor, value) => {
  expect(resourceValue(pod.spec.containers[0]!, { resource, ...(divisor && { divisor }) }, machine)).toBe(value);
});

const objects: Record<string, Record<string, string>> = {
  'ConfigMap app': { 'app.yaml': 'a: 1', other: 'o' },
  'Secret keys': { key: 's3cret' },
};
const surroundings = {
  pod,
  machine,
  podIP: '10.0.0.1',
  token: () => 'TOKEN',
  data: ({ kind, name }: { kind: string; name: string }) => {
    const found = objects[`${kind} ${name}`];
    return found && Object.fromEntries(Object.entries(found).map(([key, text]) => [key, Buffer.from(text)]));
  },
};

test.each<[string, Omit<Volume, 'name'>, object]>([
  ['a ConfigMap', { configMap: { name: 'app' } }, { 'app.yaml': '644 a: 1', other: '644 o' }],
  ['a key of it', { configMap: { name: 'app', items: [{ key: 'other', path: 'x/y', mode: 0o600 }] } }, { 'x/y': '600 o' }],
  ['a Secret', { secret: { secretName: 'keys', defaultMode: 0o400 } }, { key: '400 s3cret' }],
  ['an optional one that is not there', { secret: { secretName: 'none', optional: true } }, {}],
  ['one that is not there', { configMap: { name: 'none' } }, { missing: 'references non-existent configmap: n/none' }],
  [
    'a key that is not there',
    { configMap: { name: 'app', items: [{ key: 'none', path: 'x' }] } },
    { missing: 'references non-existent configmap key: none' },
  ],
  [
    'a path that leads out',
    { configMap: { name: 'app', items: [{ key: 'other', path: '../x' }] } },
    { missing: '"../x" is no path below a volume' },
  ],
  [
    'what the pod knows of itself',
    {
      downwardAPI: {
        items: [
          { path: 'name', fieldRef: { fieldPath: 'metadata.name' } },
          { path: 'memory', resourceFieldRef: { containerName: 'app', resource: 'limits.memory' } },
        ],
      },
    },
    { name: '644 p', memory: '644 134217728' },
  ],
  [
    'several in one',
    {
      projected: {
        defaultMode: 0o440,
        sources: [
          { configMap: { name: 'app', items: [{ key: 'other', path: 'other' }] } },
          { secret: { name: 'keys' } },
          { serviceAccountToken: { path: 'token' } },
        ],
      },
    },
    { other: '440 o', key: '440 s3cret', token: '440 TOKEN' },
  ],
])('%s', (_, volume, expected) => {
  const made = volumeFiles({ name: 'v', ...volume }, surroundings);
  const shown =
    'missing' in made
      ? made
      : Object.fromEntries([...made.files].map(([name, { mode, content }]) => [name, `${mode.toString(8)} ${content}`]));
  expect(shown).toEqual(expected);
});

const files = (entries: Record<string, string>) =>
  new Map(Object.entries(entries).map(([name, text]) => [name, { content: Buffer.from(text), mode: 0o640 }]));

test('files change all at once, behind one link, and names that are gone are gone', () => {
  writePayload(directory, files({ a: '1', 'deep/b': '1', old: '1' }), 'first');
  const [before, open] = [readlinkSync(path.join(directory, '..data')), path.join(directory, 'a')];
  expect([readFileSync(open, 'utf8'), statSync(open).mode & 0o777]).toEqual(['1', 0o640]);
  expect(readlinkSync(open)).toBe('..data/a');
  writePayload(directory, files({ a: '2', 'deep/b': '2', new: '2' }), 'second');
  expect(readlinkSync(path.join(directory, '..data'))).not.toBe(before);
  expect(['a', 'deep/b', 'new'].map((name) => readFileSync(path.join(directory, name), 'utf8'))).toEqual(['2', '2', '2']);
  expect(readdirSync(directory).filter((name) => !name.startsWith('..'))).toEqual(['a', 'deep', 'new']);
  expect(readdirSync(directory).filter((name) => name.startsWith('..')).length).toBe(2);
});

test.each([
  ['/etc/app', '/v/app'],
  ['/etc/app/x.yaml', '/v/app/x.yaml'],
  ['--config=/etc/app/x', '--config=/v/app/x'],
  ['a:/etc/app:ro', 'a:/v/app:ro'],
  ['/etc/app/keys/k', '/v/keys/k'],
  ['/etc/apple', '/etc/apple'],
  ['/opt/etc/app', '/opt/etc/app'],
  ['cat /etc/app/a /etc/app/b', 'cat /v/app/a /v/app/b'],
])('without a mount namespace the word %s is told as %s', (word, told) => {
  const mounts = [
    { source: '/v/app', path: '/etc/app/', readOnly: true },
    { source: '/v/keys', path: '/etc/app/keys', readOnly: true },
  ];
  expect(withSources(word, mounts)).toBe(told);
});

const whyNoMounts = (() => {
  try {
    execFileSync('unshare', ['--mount', 'sh', '-c', 'mount -t tmpfs tmpfs /tmp'], { stdio: 'ignore' });
    return undefined;
  } catch {
    return 'no mount namespace can be made here: it needs root';
  }
})();

describe.skipIf(whyNoMounts !== undefined)('in a mount namespace (skipped where none can be made)', () => {
  const source = (name: string, text: string): string => {
    const folder = path.join(directory, name);
    mkdirSync(folder);
    writeFileSync(path.join(folder, 'file'), text);
    return folder;
  };
  const run = (mounts: Parameters<typeof mountScript>[0]['mounts'], command: string): string => {
    const own = path.join(directory, 'own');
    mkdirSync(own, { recursive: true });
    const script = mountScript({ mounts, own });
    return execFileSync('unshare', ['--mount', 'sh', '-c', script, 'sh', 'sh', '-c', command], {
      encoding: 'utf8',
      cwd: directory,
      stdio: 'pipe',
    }).trim();
  };

  test.each([
    ['that is there', '/mnt'],
    ['whose parent is there', '/etc/lateen-test/deep'],
    ['at the top', '/lateen-test'],
  ])('a path %s shows the volume, beside what else is there', (_, target) => {
    const mounts = [{ source: source('a', 'in the volume'), path: target, readOnly: false }];
    const seen = run(mounts, `cat ${target}/file; echo; pwd; test -e /etc/passwd && test -e /proc/self && echo more > ${target}/made`);
    expect(seen.split('\n')).toEqual(['in the volume', directory]);
    expect(readFileSync(path.join(directory, 'a/made'), 'utf8')).toBe('more\n');
    expect(['/etc/lateen-test', '/lateen-test'].filter(existsSync)).toEqual([]);
  });

  test('several, one of them in another, a single file, and one that may not be written', () => {
    const outer = source('a', 'outer');
    const mounts = [
      { source: outer, path: '/lateen-test/a', readOnly: false },
      { source: source('b', 'inner'), path: '/lateen-test/a/b', readOnly: true },
      { source: path.join(outer, 'file'), path: '/etc/lateen-test.conf', readOnly: true },
    ];
    expect(run(mounts, 'cat /lateen-test/a/file /lateen-test/a/b/file /etc/lateen-test.conf')).toBe('outerinnerouter');
    expect(run(mounts, 'echo x > /lateen-test/a/b/file || echo refused')).toBe('refused');
  });

  test('what cannot be mounted is said', () => {
    const mounts = [{ source: path.join(directory, 'none'), path: '/mnt', readOnly: false }];
    expect(() => run(mounts, 'true')).toThrow(/lateen: \/mnt cannot be mounted/);
  });
});
