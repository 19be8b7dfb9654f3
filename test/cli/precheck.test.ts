// `x precheck` against API servers that are fit, too old, or refuse.
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { fileURLToPath } from 'node:url';
import { afterEach, expect, test } from 'vitest';
import { runCli } from './run-cli.ts';

let server: Server | undefined;
afterEach(() => {
  server?.close();
  server?.closeAllConnections();
});

/** An API server that says it has this version, and lets nobody read what `refused` is in. */
async function serve(minor: string, refused = 'nothing'): Promise<string> {
  server = createServer((request, response) => {
    const url = request.url ?? '';
    if (url === '/version') return response.end(JSON.stringify({ major: '1', minor, gitVersion: `v1.${minor}.0` }));
    if (!url.includes(refused)) return response.end(JSON.stringify({ items: [], metadata: { resourceVersion: '1' } }));
    response.statusCode = 403;
    response.end(
      JSON.stringify({ kind: 'Status', status: 'Failure', reason: 'Forbidden', message: `${refused} are not for you`, code: 403 }),
    );
  }).listen(0, '127.0.0.1');
  await new Promise((resolve) => server?.once('listening', resolve));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

const precheck = (apiUrl: string, ...args: string[]) => runCli(['x', 'precheck', ...args], { apiUrl, debugUrl: apiUrl });

test.each([
  ['30', 'nothing', 0, 'No issues found.\n'],
  ['27+', 'nothing', 0, 'No issues found.\n'],
  ['26', 'nothing', 79, 'Error [IST0142] (Cluster cluster) v1.26.0 is older than Kubernetes 1.27, the oldest that is supported\n'],
  ['30', 'secrets', 79, 'Error [IST0141] (Cluster cluster) secrets cannot be read: secrets are not for you\n'],
])('Kubernetes 1.%s, refusing %s', async (minor, refused, code, stdout) => {
  expect(await precheck(await serve(minor, refused))).toEqual({ code, stdout, stderr: '' });
});

test('definitions in files', async () => {
  const file = fileURLToPath(new URL('../analysis/fixtures/gateway-api-served-version.yaml', import.meta.url));
  const { code, stdout } = await precheck('http://127.0.0.1:1', file, '-o', 'json');
  expect([code, (JSON.parse(stdout) as { code: string }[]).map((each) => each.code)]).toEqual([79, ['IST0156', 'IST0172']]);
});

test('from an older Istio: what acts otherwise here, and nothing where that has been passed', async () => {
  const file = fileURLToPath(new URL('../analysis/fixtures/upgrade.yaml', import.meta.url));
  const codesFrom = async (version: string) => {
    const { stdout } = await precheck('http://127.0.0.1:1', file, '-o', 'json', '--from-version', version);
    return new Set((JSON.parse(stdout) as { code: string }[]).map((each) => each.code));
  };
  expect(await codesFrom('1.20.3')).toEqual(new Set(['IST0168', 'IST0169']));
  expect(await codesFrom('1.21')).toEqual(new Set(['IST0169']));
  expect(await codesFrom('1.22')).toEqual(new Set());
  expect(await precheck('http://127.0.0.1:1', file, '-f', 'old')).toMatchObject({
    code: 2,
    stderr: expect.stringContaining('no version of Istio'),
  });
});

test('no server, and one that is none', async () => {
  expect(await precheck('http://127.0.0.1:1')).toMatchObject({
    code: 1,
    stderr: expect.stringContaining('the API server does not listen'),
  });
  expect(await precheck(await serve(''))).toMatchObject({ code: 1, stderr: expect.stringContaining('does not say which version') });
});
