// Who gets in: over HTTPS by a token that is one of three roles', over plain HTTP nobody unless that is asked for; and the client that
// Lateen's own processes have.
import { afterEach, describe, expect, test } from 'vitest';
import type { ApiObject } from '#api/kind';
import { podKind } from '#api/kinds/pod';
import { ApiServer } from '#apiserver/api-server';
import { makeCredentials } from '#apiserver/new-credentials';
import { ask, getJson } from '#cli/http-json';
import { ManualClock, systemClock } from '#foundation/clock';
import { silentLogger } from '#foundation/logger';
import { SeededRandom } from '#foundation/random';
import { below, type HttpAccess } from '#net/http-access';
import { MemoryStore } from '#store/memory-store';
import { RemoteStore } from '#store/remote-store';

const credentials = await makeCredentials(systemClock);
const stranger = await makeCredentials(systemClock);

const cleanups: (() => Promise<void> | void)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

/** `http://…` and `https://…` of the same port. */
async function serve(plainHttp = false): Promise<{ said: string; plain: HttpAccess; secure: HttpAccess }> {
  const clock = new ManualClock();
  const store = new MemoryStore({ clock, random: new SeededRandom(1) });
  const server = new ApiServer({ store, clock, logger: silentLogger, version: '0', credentials, plainHttp });
  const { url, port } = await server.listen({ host: '127.0.0.1', port: 0 });
  cleanups.push(() => server.close());
  const { authority, tokens } = credentials;
  return {
    said: url,
    plain: { url: `http://127.0.0.1:${port}` },
    secure: { url: `https://127.0.0.1:${port}`, authority, token: tokens.admin },
  };
}

const pod = {
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name: 'p', namespace: 'default' },
  spec: { containers: [{ name: 'c', image: 'i' }] },
} as ApiObject;
const pods = '/api/v1/namespaces/default/pods';
const readPods = (access: HttpAccess) => getJson(below(access, pods), 'the API server');

describe('HTTPS alone', () => {
  test('a token of the mesh gets in', async () => {
    const { said, secure } = await serve();
    expect(said).toBe(secure.url);
    expect(await readPods(secure)).toMatchObject({ kind: 'PodList', items: [] });
  });

  test.each([
    ['no token', { token: undefined }, /answered 401: .*Unauthorized/],
    ['a wrong token', { token: stranger.tokens.admin }, /answered 401/],
    ['another authority', { authority: stranger.authority }, /certificate/],
    ['the machine’s authorities', { authority: undefined }, /certificate/],
  ])('%s does not', async (_, changes, message) => {
    const { secure } = await serve();
    await expect(readPods({ ...secure, ...changes } as HttpAccess)).rejects.toThrow(message);
  });

  test('an unknown authority is no reason to start a mesh: the hint says what is', async () => {
    const { secure } = await serve();
    await expect(readPods({ ...secure, authority: stranger.authority })).rejects.toMatchObject({
      hint: expect.stringContaining('--kubeconfig'),
    });
  });

  test('plain HTTP is told what is wrong, and let in nowhere', async () => {
    const { plain } = await serve();
    for (const path of [pods, '/version', '/api', '/openapi/v2', '/healthz', '/nothing']) {
      await expect(ask('GET', below(plain, path), 'the API server')).rejects.toThrow(/400: .*plain HTTP was sent to a server of HTTPS/);
    }
  });

  test('a viewer reads and does not write', async () => {
    const { secure } = await serve();
    const store = new RemoteStore({ api: { ...secure, token: credentials.tokens.view }, clock: systemClock });
    cleanups.push(() => store.close());
    expect((await store.list(podKind)).items).toEqual([]);
    await expect(store.create(pod)).rejects.toMatchObject({
      code: 'FORBIDDEN',
      message: expect.stringContaining('User "lateen:view" cannot create resource "pods"'),
    });
  });

  test('a remote store watches over it', async () => {
    const { secure } = await serve();
    const store = new RemoteStore({ api: secure, clock: systemClock });
    cleanups.push(() => store.close());
    const { resourceVersion } = await store.list(podKind);
    const seen = new Promise<string>((resolve, reject) => {
      const watch = store.watch(podKind, { resourceVersion }, { event: ({ type }) => resolve(type), closed: reject });
      cleanups.push(() => watch.stop());
    });
    await store.create(pod);
    expect(await seen).toBe('ADDED');
  });
});

test('with plain HTTP, both are served on one port', async () => {
  const { said, plain, secure } = await serve(true);
  expect(said).toBe(plain.url);
  expect(await readPods(plain)).toMatchObject({ kind: 'PodList' });
  expect(await readPods(secure)).toMatchObject({ kind: 'PodList' });
  await expect(readPods({ ...secure, token: 'x' })).rejects.toThrow(/401/);
});
