// `lateen up --meshConfigFile`: MeshConfig from a file, and what is said where it is none.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { readMeshConfigFile } from '#main/mesh-config-file';

const directory = mkdtempSync(path.join(os.tmpdir(), 'lateen-mesh-config-'));
afterAll(() => rmSync(directory, { recursive: true }));

function fileOf(text: string): string {
  const file = path.join(directory, 'mesh.yaml');
  writeFileSync(file, text);
  return file;
}

test('its fields are laid over the defaults', () => {
  expect(readMeshConfigFile(fileOf('outboundTrafficPolicy: {mode: REGISTRY_ONLY}\nconnectTimeout: 3s'))).toMatchObject({
    outboundTrafficPolicy: 'REGISTRY_ONLY',
    connectTimeoutMs: 3000,
    trustDomain: 'cluster.local',
  });
});

test.each([
  [
    'everything that is wrong is said',
    'connectTimeout: soon\nenableAutoMtls: perhaps',
    /mesh\.yaml: .*connectTimeout.*enableAutoMtls|enableAutoMtls.*connectTimeout/,
  ],
  ['no object', '[1]', /mesh\.yaml: must be an object/],
])('%s', (_, text, message) => {
  expect(() => readMeshConfigFile(fileOf(text))).toThrow(message);
});

test('a file that is not there', () => {
  expect(() => readMeshConfigFile(path.join(directory, 'nobody.yaml'))).toThrow(/nobody\.yaml cannot be read: ENOENT/);
});
