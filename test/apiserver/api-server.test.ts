// Kubernetes' REST paths, spoken as kubectl and curl speak them.
import { connect } from 'node:net';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { ApiServer } from '#apiserver/api-server';
import { jsonPatch, mergePatch } from '#apiserver/patch';
import { ManualClock } from '#foundation/clock';
import { silentLogger } from '#foundation/logger';
import type { Problem } from '#foundation/problem';
import { SeededRandom } from '#foundation/random';
import { MemoryStore } from '#store/memory-store';
import { admitNamespace } from '#store/namespaces';

let server: ApiServer;
let clock: ManualClock;
let url: string;
let advice: Problem[];

beforeEach(async () => {
  clock = new ManualClock();
  advice = [];
  const store = new MemoryStore({ clock, random: new SeededRandom(2), admit: admitNamespace, historyMax: 50 });
  server = new ApiServer({ store, clock, logger: silentLogger, version: '0.1.0', advise: () => advice });
  ({ url } = await server.listen({ host: '127.0.0.1', port: 0 }));
});
afterEach(() => server.close());

/** As much of any answer as is looked at here. */
interface Answer {
  apiVersion: string;
  metadata: { name: string; labels?: object; resourceVersion: string };
  spec: { ports: object[]; selector?: object };
  items: Answer[];
  message: string;
  versions: string[];
  groups: { name: string }[];
  resources: object[];
  gitVersion: string;
}

interface Event {
  type: string;
  object: Answer;
}

async function call(method: string, path: string, body?: unknown, type = 'application/json') {
  const text = typeof body === 'string' ? body : JSON.stringify(body);
  const response = await fetch(url + path, { method, ...(body !== undefined && { body: text, headers: { 'content-type': type } }) });
  return { code: response.status, body: (await response.json()) as Answer, warning: response.headers.get('warning') };
}

const services = '/api/v1/namespaces/default/services';
const service = (name = 's', port = 80) => ({ apiVersion: 'v1', kind: 'Service', metadata: { name }, spec: { ports: [{ port }] } });
const rules = (version: string) => `/apis/networking.istio.io/${version}/namespaces/default/destinationrules`;
const rule = { apiVersion: 'networking.istio.io/v1beta1', kind: 'DestinationRule', metadata: { name: 'r' }, spec: { host: 'r' } };

describe('discovery', () => {
  test('names groups, versions and resources', async () => {
    expect((await call('GET', '/api')).body.versions).toEqual(['v1']);
    expect((await call('GET', '/apis')).body.groups.map(({ name }) => name)).toContain('networking.istio.io');
    const { body } = await call('GET', '/apis/networking.istio.io/v1alpha3');
    expect(body.resources).toContainEqual(
      expect.objectContaining({ name: 'virtualservices', kind: 'VirtualService', shortNames: ['vs'], namespaced: true }),
    );
    expect((await call('GET', '/version')).body.gitVersion).toBe('v1.30.0+lateen-0.1.0');
    expect(await (await fetch(`${url}/readyz`)).text()).toBe('ok');
    expect((await call('GET', '/apis/none/v1')).body).toMatchObject({ kind: 'Status', reason: 'NotFound', code: 404 });
  });
});

describe('objects', () => {
  test('are kept once and given in every version', async () => {
    expect((await call('POST', rules('v1beta1'), rule)).body.apiVersion).toBe('networking.istio.io/v1beta1');
    expect((await call('GET', `${rules('v1alpha3')}/r`)).body.apiVersion).toBe('networking.istio.io/v1alpha3');
    const { body } = await call('GET', '/apis/networking.istio.io/v1/destinationrules');
    expect(body).toMatchObject({ kind: 'DestinationRuleList', items: [{ apiVersion: 'networking.istio.io/v1', metadata: { name: 'r' } }] });
  });

  test('are selected by labels and by name', async () => {
    await call('POST', services, { ...service('a'), metadata: { name: 'a', labels: { app: 'x' } } });
    await call('POST', services, service('b'));
    const names = async (query: string) => (await call('GET', `${services}?${query}`)).body.items?.map(({ metadata }) => metadata.name);
    expect(await names('labelSelector=app%3Dx')).toEqual(['a']);
    expect(await names('fieldSelector=metadata.name%3Db')).toEqual(['b']);
    expect(await call('GET', `${services}?labelSelector=app+in`)).toMatchObject({ code: 400 });
  });

  const refusals: readonly (readonly [string, () => Promise<{ code: number; body: object }>, number, object])[] = [
    ['what is not there', () => call('GET', `${services}/none`), 404, { reason: 'NotFound', message: 'services "none" not found' }],
    [
      'an unknown field',
      () => call('POST', services, { ...service(), spec: { prots: [] } }),
      400,
      { reason: 'BadRequest', details: { causes: [{ field: 'spec.prots', reason: 'UNKNOWN_FIELD' }] } },
    ],
    ['another kind', () => call('POST', services, rule), 400, { message: expect.stringContaining('cannot be handled as a Service') }],
    [
      'another name',
      () => call('PUT', `${services}/t`, service('s')),
      400,
      { message: 'the name of the object (s) does not match the name on the URL (t)' },
    ],
    [
      'another namespace',
      () => call('POST', services, { ...service(), metadata: { name: 's', namespace: 'kube-system' } }),
      400,
      { reason: 'BadRequest', message: 'the namespace of the provided object does not match the namespace sent on the request' },
    ],
    [
      'a namespace that is not there',
      () => call('POST', services.replace('default', 'none'), service()),
      404,
      { message: 'namespaces "none" not found', details: { causes: [{ reason: 'NAMESPACE_NOT_FOUND' }] } },
    ],
    ['broken JSON', () => call('POST', services, '{"a":'), 400, { reason: 'BadRequest' }],
    ['a prototype in JSON', () => call('POST', services, '{"__proto__": {"x": 1}}'), 400, { reason: 'BadRequest' }],
    ['an unknown type', () => call('POST', services, 'a', 'text/plain'), 415, { reason: 'UnsupportedMediaType' }],
    ['4 MB', () => call('POST', services, JSON.stringify('x'.repeat(4 << 20))), 413, { reason: 'RequestEntityTooLarge' }],
    ['an unknown kind of patch', () => call('PATCH', `${services}/s`, {}, 'application/json'), 415, { reason: 'UnsupportedMediaType' }],
    [
      'the end of a namespace that must be',
      () => call('DELETE', '/api/v1/namespaces/default'),
      403,
      { message: 'namespaces "default" is forbidden: this namespace may not be deleted' },
    ],
  ];
  test.each(refusals)('refuse %s', async (_, act, code, status) => {
    const answer = await act();
    expect(answer.body).toMatchObject({ kind: 'Status', status: 'Failure', code, ...status });
    expect(answer.code).toBe(code);
  });

  test('a stale write conflicts', async () => {
    const { body } = await call('POST', services, service());
    await call('PUT', `${services}/s`, service('s', 81));
    expect(await call('PUT', `${services}/s`, { ...body, spec: { ports: [{ port: 82 }] } })).toMatchObject({
      code: 409,
      body: { reason: 'Conflict' },
    });
  });

  test('unknown fields pass where the client says so', async () => {
    const odd = { ...service(), spec: { ports: [{ port: 80, prot: 1 }] } };
    const { code, warning, body } = await call('POST', `${services}?fieldValidation=Warn`, odd);
    expect([code, body.spec]).toEqual([201, { ports: [{ port: 80 }] }]);
    expect(warning).toContain('299 - "unknown field \\"spec.ports[0].prot\\""');
  });

  test('dry run changes nothing', async () => {
    expect((await call('POST', `${services}?dryRun=All`, service())).code).toBe(201);
    expect((await call('GET', `${services}/s`)).code).toBe(404);
    expect((await call('POST', `${services.replace('default', 'none')}?dryRun=All`, service())).code).toBe(404);
  });

  test('advice comes as warnings, in ASCII and bounded', async () => {
    advice = [{ level: 'warning', code: 'X', message: `über "it"\n${'x'.repeat(2000)}` }];
    const { warning } = await call('POST', services, service());
    expect(warning).toMatch(/^299 - "\?ber \\"it\\" x+"$/);
    expect(warning!.length).toBeLessThan(1100);
  });

  test('a namespace takes its contents with it', async () => {
    await call('POST', '/api/v1/namespaces', { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'shop' } });
    await call('POST', '/api/v1/namespaces/shop/services', service());
    await call('DELETE', '/api/v1/namespaces/shop');
    expect((await call('GET', '/api/v1/services')).body.items).toEqual([]);
  });
});

describe('patches', () => {
  const patched = async (type: string, patch: unknown) => call('PATCH', `${services}/s`, patch, `application/${type}`);

  test('merge, strategic merge, JSON patch, and apply of YAML', async () => {
    await call('POST', services, { ...service(), spec: { ports: [{ port: 80 }], selector: { app: 'a', v: '1' } } });
    expect((await patched('merge-patch+json', { spec: { selector: { v: null } } })).body.spec.selector).toEqual({ app: 'a' });
    expect((await patched('strategic-merge-patch+json', { metadata: { labels: { x: 'y' } } })).body.metadata.labels).toEqual({ x: 'y' });
    expect(
      (await patched('json-patch+json', [{ op: 'replace', path: '/spec/ports/0', value: { name: 'http', port: 81 } }])).body.spec.ports,
    ).toEqual([{ name: 'http', port: 81 }]);
    const yaml = 'apiVersion: v1\nkind: Service\nmetadata: {name: s}\nspec:\n  ports: [{name: http-b, port: 82}]\n';
    const applied = await patched('apply-patch+yaml', yaml);
    // What others have set stays, element by element; what the applier declared before and declares no more goes.
    expect([applied.code, applied.body.spec]).toEqual([
      200,
      {
        ports: [
          { name: 'http', port: 81 },
          { name: 'http-b', port: 82 },
        ],
        selector: { app: 'a' },
      },
    ]);
    const again = await patched('apply-patch+yaml', yaml.replace('82', '83'));
    expect(again.body.spec.ports).toEqual([
      { name: 'http', port: 81 },
      { name: 'http-b', port: 83 },
    ]);
    expect((await call('PATCH', `${services}/t`, yaml.replace('name: s', 'name: t'), 'application/apply-patch+yaml')).code).toBe(201);
    expect((await patched('apply-patch+yaml', 'a: [')).body.message).toContain('line ');
  });

  test('status is patched apart', async () => {
    await call('POST', services, service());
    const status = { loadBalancer: { ingress: [{ ip: '127.0.0.1' }] } };
    const answer = await call('PATCH', `${services}/s/status`, { spec: { ports: [{ port: 99 }] }, status }, 'application/merge-patch+json');
    expect(answer.body).toMatchObject({ status, spec: { ports: [{ port: 80 }] } });
  });

  test('RFC 6902, operation by operation', () => {
    const apply = (target: unknown, ...operations: object[]) => jsonPatch(target, operations);
    expect(apply({ a: [1, 2] }, { op: 'add', path: '/a/1', value: 9 }, { op: 'add', path: '/a/-', value: 3 })).toEqual({ a: [1, 9, 2, 3] });
    expect(apply({ 'a/b': { '~': 1 } }, { op: 'move', from: '/a~1b/~0', path: '/c' })).toEqual({ 'a/b': {}, c: 1 });
    expect(
      apply({ a: 1 }, { op: 'test', path: '/a', value: 1 }, { op: 'copy', from: '/a', path: '/b' }, { op: 'remove', path: '/a' }),
    ).toEqual({ b: 1 });
    for (const broken of [
      { op: 'test', path: '/a', value: 2 },
      { op: 'remove', path: '/x' },
      { op: 'add', path: '/x/y', value: 1 },
      { op: 'frob', path: '/a' },
      { op: 'add', path: 'a' },
    ]) {
      expect(() => apply({ a: 1 }, broken)).toThrow('operation 0');
    }
    expect(mergePatch({ a: { b: 1, c: 2 }, d: [1] }, { a: { b: null }, d: [2] })).toEqual({ a: { c: 2 }, d: [2] });
  });
});

describe('watches', () => {
  /** The lines of a watch, read one by one. */
  async function watch(query: string) {
    const stop = new AbortController();
    const response = await fetch(`${url}${services}?watch=1&${query}`, { signal: stop.signal });
    const reader = response.body!.pipeThrough(new TextDecoderStream()).getReader();
    let rest = '';
    const next = async (): Promise<Event | undefined> => {
      while (!rest.includes('\n')) {
        const { value, done } = await reader.read();
        if (done) return undefined;
        rest += value;
      }
      const line = rest.slice(0, rest.indexOf('\n'));
      rest = rest.slice(line.length + 1);
      return JSON.parse(line);
    };
    return { next, stop: () => stop.abort() };
  }
  const brief = (event: Event | undefined) => `${event?.type} ${event?.object.metadata.name}`;

  test('begin with what there is, where no version is given, and keep idle clients alive by bookmarks', async () => {
    await call('POST', services, service('a'));
    const { next, stop } = await watch('allowWatchBookmarks=true');
    expect(brief(await next())).toBe('ADDED a');
    await call('POST', services, service('b'));
    const added = await next();
    expect(brief(added)).toBe('ADDED b');
    clock.advance(10_000);
    expect(await next()).toMatchObject({
      type: 'BOOKMARK',
      object: { kind: 'Service', metadata: { resourceVersion: added?.object.metadata.resourceVersion } },
    });
    stop();
  });

  test('follow one name, and end when their time is over', async () => {
    const { next } = await watch('timeoutSeconds=5&fieldSelector=metadata.name%3Db');
    await call('POST', services, service('a'));
    await call('POST', services, service('b'));
    expect(brief(await next())).toBe('ADDED b');
    clock.advance(5_000);
    expect(await next()).toBeUndefined();
  });

  test('of a version that is forgotten say 410', async () => {
    for (let i = 0; i < 60; i++) await call('POST', services, service(`s${i}`));
    const { next } = await watch('resourceVersion=1');
    expect(await next()).toMatchObject({ type: 'ERROR', object: { code: 410, reason: 'Expired' } });
    expect(await next()).toBeUndefined();
  });

  test('end with the server', async () => {
    const { next } = await watch('');
    const ended = next().catch(() => undefined);
    await server.close();
    expect(await ended).toBeUndefined();
  });
});

test('a port in use is named, with who has it and what to do', async () => {
  const { port } = new URL(url);
  const store = new MemoryStore({ clock, random: new SeededRandom(2) });
  const second = new ApiServer({ store, clock, logger: silentLogger, version: '0' });
  await expect(second.listen({ host: '127.0.0.1', port: Number(port) })).rejects.toMatchObject({
    code: 'ADDRESS_IN_USE',
    message: expect.stringMatching(`^the API server cannot listen on 127.0.0.1:${port}: it is in use by .* \\(pid ${process.pid}\\)$`),
    hint: expect.stringContaining('end the program'),
  });
});

test('a client that goes in the middle of a request harms nobody', async () => {
  const { port } = new URL(url);
  const socket = connect(Number(port), '127.0.0.1');
  await new Promise((resolve) => socket.once('connect', resolve));
  socket.write(
    'POST /api/v1/namespaces/default/services HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\ncontent-length: 100\r\n\r\n{',
  );
  socket.destroy();
  expect((await call('POST', services, service())).code).toBe(201);
});
