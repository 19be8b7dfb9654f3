// Istio's own Bookinfo files, unmodified, through the command line as it is built: each applies, and what is not in effect yet
// is said. The files are not ours: they are read where a checkout of the shared references lies beside this one.
import { execFile } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { type CommandResult, inherited, program, useMesh } from './mesh-fixture.ts';

const samples = fileURLToPath(new URL('../../../shared/samples/bookinfo', import.meta.url));
const networking = path.join(samples, 'networking');
const files = existsSync(networking) ? readdirSync(networking).filter((file) => file.endsWith('.yaml')) : [];

describe.skipIf(files.length === 0)('Istio’s Bookinfo files (skipped where ../shared is not there)', () => {
  const mesh = useMesh();

  function apply(file: string): Promise<CommandResult> {
    const args = [program, 'apply', '-f', file];
    const env = { ...inherited, LATEEN_KUBECONFIG: mesh.addresses.kubeconfig };
    return new Promise((resolve) =>
      execFile(process.execPath, args, { env }, (error, stdout, stderr) =>
        resolve({ code: error ? Number(error.code ?? -1) : 0, stdout, stderr }),
      ),
    );
  }

  test('bookinfo.yaml takes the place of our own, and the page is whole', async () => {
    const { code, stdout, stderr } = await apply(path.join(samples, 'platform/kube/bookinfo.yaml'));
    expect([code, stderr]).toEqual([0, '']);
    expect(stdout.trim().split('\n')).toHaveLength(14);
    await mesh.untilPage();
  });

  test.each(files)('%s', async (file) => {
    const { code, stdout, stderr } = await apply(path.join(networking, file));
    expect([code, stderr.match(/^error.*/gm)]).toEqual([0, null]);
    const documents = readFileSync(path.join(networking, file), 'utf8').match(/^kind: /gm)?.length;
    expect(stdout.trim().split('\n')).toHaveLength(documents ?? 0);
    expect(stderr.match(/^warning: .* not in effect yet: .+/gm)).toBeNull();
  });

  test('with all of them the mesh is in step, and serves', async () => {
    await mesh.untilSynced();
    expect((await mesh.get('/productpage')).status).toBe(200);
  });
});
