// Kubernetes' client for Python, as Debian has it, against the API of a mesh: lists, pages, watches, patches, logs, commands in pods.
import { mkdtempSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { silentLogger } from '#foundation/logger';
import { LocalMesh } from '#main/local-mesh';
import { anyPorts, inherited } from '../integration/mesh-fixture.ts';
import { run } from './program.ts';

const script = new URL('./kubernetes_peer.py', import.meta.url).pathname;
const python = '/usr/bin/python3';
const directory = mkdtempSync(path.join(os.tmpdir(), 'lateen-python-'));
const mesh = new LocalMesh({ ...anyPorts, runDirectory: directory, images: [], inherited, logger: silentLogger });
let kubeconfig: string;
let why: string | undefined;

beforeAll(async () => {
  const tried = await run(python, ['-c', 'import kubernetes']).catch(() => undefined);
  if (tried?.code !== 0) why = 'python3-kubernetes is not installed (Debian: apt-get install python3-kubernetes)';
  else ({ kubeconfig } = await mesh.start());
});
afterAll(async () => {
  await mesh.stop();
  rmSync(directory, { recursive: true, force: true });
});

test('python3-kubernetes', async ({ skip }) => {
  if (why !== undefined) skip(why);
  const { code, stdout, stderr } = await run(python, [script, kubeconfig]);
  expect({ code, stderr, lines: stdout.toString().trim().split('\n') }).toEqual({
    code: 0,
    stderr: '',
    lines: [
      'version v1.30.0',
      "pages [['a', 'b'], ['c']]",
      "watch [('MODIFIED', 'a', 'patched'), ('DELETED', 'b', 'b')]",
      'missing 404 Not Found',
      "custom ['web']",
      'logs it runs',
      "exec ['inside', 'wrong']",
      'scale 0',
      'left 0',
    ],
  });
});
