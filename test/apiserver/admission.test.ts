// Admission webhooks: who is asked about which write, what they change, and what becomes of a write that they refuse or do not answer.
import https from 'node:https';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { ApiObject } from '#api/kind';
import { TestAuthority } from '../certificates.ts';
import { useApiServer } from './use-api-server.ts';

interface Asked {
  path: string;
  request: {
    uid: string;
    operation: string;
    name: string;
    dryRun: boolean;
    object: ApiObject | null;
    userInfo: { username: string };
    subResource?: string;
  };
}

let authority: TestAuthority;
let hook: https.Server;
let hookUrl: string;
let asked: Asked[];
const server = useApiServer();

/** By path: what the webhook answers beside the question's uid; a path that is not here answers 500. */
const answers: Readonly<Record<string, (request: Asked['request']) => object>> = {
  '/allow': () => ({ allowed: true, warnings: ['mind the gap'] }),
  '/deny': () => ({ allowed: false, status: { code: 403, message: 'not on my watch' } }),
  '/label': () => patch([{ op: 'add', path: '/metadata/labels', value: { by: 'webhook' } }]),
  '/break': () => patch([{ op: 'add', path: '/data', value: 7 }]),
  '/count': ({ object }) => {
    const count = Number((object as { data?: { count?: string } }).data?.count ?? 0);
    return patch([{ op: 'add', path: '/data', value: { count: `${count + 1}` } }]);
  },
  '/stranger': () => ({ uid: 'another', allowed: true }),
};
const patch = (operations: object[]) => ({
  allowed: true,
  patchType: 'JSONPatch',
  patch: Buffer.from(JSON.stringify(operations)).toString('base64'),
});

beforeAll(async () => {
  authority = await TestAuthority.create();
  const { certificate, key } = await authority.issue({ commonName: 'hook', dnsNames: ['localhost', 'hook.default.svc'] });
  hook = https.createServer({ cert: certificate, key }, (request, response) => {
    let body = '';
    request.on('data', (chunk: Buffer) => (body += chunk));
    request.on('end', () => {
      const { request: question } = JSON.parse(body) as Asked;
      asked.push({ path: request.url ?? '', request: question });
      const answer = answers[request.url ?? '']?.(question);
      if (answer === undefined) response.statusCode = 500;
      response.end(JSON.stringify({ response: { uid: question.uid, ...answer } }));
    });
  });
  await new Promise<void>((resolve) => hook.listen(0, '127.0.0.1', resolve));
  hookUrl = `https://localhost:${(hook.address() as AddressInfo).port}`;
});
afterAll(() => {
  hook.close();
  hook.closeAllConnections();
});

beforeEach(() => {
  asked = [];
});

async function call(method: string, path: string, body?: object, contentType = 'application/json') {
  const headers = { ...(body && { 'content-type': contentType }) };
  const response = await fetch(server.url + path, { method, headers, ...(body && { body: JSON.stringify(body) }) });
  const answer = (await response.json()) as ApiObject & { message: string; data?: Record<string, string> };
  return { code: response.status, warning: response.headers.get('warning') ?? '', ...answer };
}

const configMaps = '/api/v1/namespaces/default/configmaps';
const configMap = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'a' } };
const ofConfigMaps = { operations: ['CREATE', 'UPDATE'], apiGroups: [''], apiVersions: ['v1'], resources: ['configmaps'] };

async function configure(kind: 'Validating' | 'Mutating', path: string, more: object = {}, name = 'hook'): Promise<void> {
  const clientConfig = { url: hookUrl + path, caBundle: Buffer.from(authority.certificate).toString('base64') };
  const webhook = {
    name: `${name}.example.com`,
    clientConfig,
    rules: [ofConfigMaps],
    sideEffects: 'None',
    admissionReviewVersions: ['v1'],
    ...more,
  };
  const { code } = await call('POST', `/apis/admissionregistration.k8s.io/v1/${kind.toLowerCase()}webhookconfigurations`, {
    apiVersion: 'admissionregistration.k8s.io/v1',
    kind: `${kind}WebhookConfiguration`,
    metadata: { name },
    webhooks: [webhook],
  });
  expect(code).toBe(201);
}

test('a webhook is told the write and who asks, and its warnings reach the client', async () => {
  await configure('Validating', '/allow');
  const { code, warning } = await call('POST', configMaps, configMap);
  expect([code, warning]).toEqual([201, expect.stringContaining('mind the gap')]);
  expect(asked).toMatchObject([
    {
      request: {
        operation: 'CREATE',
        name: 'a',
        namespace: 'default',
        dryRun: false,
        object: { kind: 'ConfigMap' },
        oldObject: null,
        userInfo: { username: 'lateen:local' },
      },
    },
  ]);
  await call('PATCH', `${configMaps}/a`, { data: { x: '1' } }, 'application/merge-patch+json');
  expect(asked.at(-1)).toMatchObject({
    request: { operation: 'UPDATE', object: { data: { x: '1' } }, oldObject: { metadata: { name: 'a' } } },
  });
});

const service = { apiVersion: 'v1', kind: 'Service', metadata: { name: 's' }, spec: { ports: [{ port: 80 }] } };
const rules = (more: object) => ({ rules: [{ ...ofConfigMaps, ...more }] });

describe('is asked', () => {
  test.each<[string, object, number]>([
    ['its own kind', {}, 1],
    ['everything', rules({ apiGroups: ['*'], apiVersions: ['*'], resources: ['*'] }), 1],
    ['another operation', rules({ operations: ['DELETE'] }), 0],
    ['another resource', rules({ resources: ['services'] }), 0],
    ['another group', rules({ apiGroups: ['apps'] }), 0],
    ['its subresources alone', rules({ resources: ['configmaps/status'] }), 0],
    ['kinds of the cluster', rules({ scope: 'Cluster' }), 0],
    ['kinds of namespaces', rules({ scope: 'Namespaced' }), 1],
    ['objects with a label', { objectSelector: { matchLabels: { x: 'y' } } }, 0],
    ['namespaces without a label', { namespaceSelector: { matchExpressions: [{ key: 'x', operator: 'DoesNotExist' }] } }, 1],
    ['namespaces with a label', { namespaceSelector: { matchLabels: { x: 'y' } } }, 0],
  ])('%s', async (_, more, times) => {
    await configure('Validating', '/allow', more);
    expect((await call('POST', configMaps, configMap)).code).toBe(201);
    expect(asked.length).toBe(times);
  });

  test('about a deletion', async () => {
    await configure('Validating', '/deny', rules({ operations: ['DELETE'] }));
    await call('POST', configMaps, configMap);
    expect((await call('DELETE', `${configMaps}/a`)).code).toBe(403);
    expect(asked).toMatchObject([{ request: { operation: 'DELETE', object: null, oldObject: { metadata: { name: 'a' } } } }]);
    expect((await call('GET', `${configMaps}/a`)).code).toBe(200);
  });

  test('not about webhooks themselves', async () => {
    await configure('Validating', '/deny', rules({ operations: ['*'], apiGroups: ['*'], apiVersions: ['*'], resources: ['*'] }));
    const gone = await call('DELETE', '/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations/hook');
    expect([gone.code, asked]).toEqual([200, []]);
  });
});

describe('a write', () => {
  test('that is denied has not happened, and says by whom', async () => {
    await configure('Validating', '/deny');
    const { code, message } = await call('POST', configMaps, configMap);
    expect([code, message]).toEqual([403, 'admission webhook "hook.example.com" denied the request: not on my watch']);
    expect((await call('GET', `${configMaps}/a`)).code).toBe(404);
  });

  test('is stored as it was changed, also by server-side apply', async () => {
    await configure('Mutating', '/label');
    expect((await call('POST', configMaps, configMap)).metadata.labels).toEqual({ by: 'webhook' });
    const applied = await call(
      'PATCH',
      `${configMaps}/b?fieldManager=x`,
      { ...configMap, metadata: { name: 'b' } },
      'application/apply-patch+yaml',
    );
    expect(applied.metadata.labels).toEqual({ by: 'webhook' });
  });

  test('that a webhook makes unsound is refused', async () => {
    await configure('Mutating', '/break');
    expect((await call('POST', configMaps, configMap)).code).toBe(400);
  });

  test('is shown to an earlier webhook again where a later one changed it', async () => {
    await configure('Mutating', '/count', { reinvocationPolicy: 'IfNeeded' }, 'a');
    await configure('Mutating', '/count', {}, 'b');
    expect((await call('POST', configMaps, configMap)).data).toEqual({ count: '3' });
  });

  test('changed first, and then looked at', async () => {
    await configure('Validating', '/allow', {}, 'a');
    await configure('Mutating', '/label', {}, 'b');
    await call('POST', configMaps, configMap);
    expect(asked.map(({ path, request }) => [path, request.object?.metadata.labels])).toEqual([
      ['/label', undefined],
      ['/allow', { by: 'webhook' }],
    ]);
  });

  test('that is only tried asks those alone that have no effects', async () => {
    await configure('Validating', '/allow');
    expect((await call('POST', `${configMaps}?dryRun=All`, configMap)).code).toBe(201);
    expect(asked).toMatchObject([{ request: { dryRun: true } }]);
    await configure('Validating', '/allow', { sideEffects: 'Unknown' }, 'other');
    expect(await call('POST', `${configMaps}?dryRun=All`, configMap)).toMatchObject({
      code: 400,
      message: expect.stringContaining('does not support dry run'),
    });
    expect((await call('POST', configMaps, configMap)).code).toBe(201);
  });
});

describe('a webhook that does not answer', () => {
  test.each([
    ['with an error', '/none', {}, /it answered 500/],
    ['this question', '/stranger', {}, /uid differs/],
    ['at all', '/allow', { clientConfig: { url: 'https://127.0.0.1:1/' } }, /ECONNREFUSED/],
    ['with a certificate of its authority', '/allow', { clientConfig: undefined }, /certificate/],
    ['over TLS', '/allow', { clientConfig: { url: 'http://127.0.0.1/' } }, /no https/],
    [
      'since its Service has no endpoint',
      '/allow',
      { clientConfig: { service: { name: 'hook', namespace: 'default' } } },
      /no endpoint of Service default\/hook/,
    ],
    [
      'since a condition fails',
      '/allow',
      { matchConditions: [{ name: 'x', expression: 'object.none.deeper == 1' }] },
      /condition "x" cannot be evaluated/,
    ],
  ])('%s', async (_, path, more, reason) => {
    const config = 'clientConfig' in more && more.clientConfig === undefined ? { clientConfig: { url: hookUrl + path } } : more;
    await configure('Validating', path, config);
    const { code, message } = await call('POST', configMaps, configMap);
    expect([code, message]).toEqual([503, expect.stringMatching(reason)]);
    expect(message).toContain('failed calling webhook "hook.example.com"');
    await configure(
      'Validating',
      path,
      { ...config, failurePolicy: 'Ignore', rules: [{ ...ofConfigMaps, resources: ['services'] }] },
      'lenient',
    );
    expect((await call('POST', '/api/v1/namespaces/default/services', service)).code).toBe(201);
  });
});

test('a webhook behind a Service is found by its endpoints', async () => {
  const port = (hook.address() as AddressInfo).port;
  await call('POST', '/api/v1/namespaces/default/services', {
    ...service,
    metadata: { name: 'hook' },
    spec: { ports: [{ port: 443, name: 'https' }] },
  });
  await call('POST', '/apis/discovery.k8s.io/v1/namespaces/default/endpointslices', {
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: { name: 'hook-1', labels: { 'kubernetes.io/service-name': 'hook' } },
    addressType: 'IPv4',
    endpoints: [{ addresses: ['127.0.0.1'], conditions: { ready: true } }],
    ports: [{ name: 'https', port }],
  });
  const caBundle = Buffer.from(authority.certificate).toString('base64');
  await configure('Validating', '', { clientConfig: { service: { name: 'hook', namespace: 'default', path: '/deny' }, caBundle } });
  expect((await call('POST', configMaps, configMap)).code).toBe(403);
});

describe('conditions', () => {
  test.each([
    ["object.metadata.name.matches('^[a-z]+$')", 403],
    ["object.metadata.name == 'other'", 201],
    ["request.operation == 'CREATE' && request.kind.kind == 'ConfigMap' && request.userInfo.username != ''", 403],
    ["has(object.data) && 'none' in object.data", 201],
    ['oldObject == null', 403],
  ])('%s', async (expression, expected) => {
    await configure('Validating', '/deny', { matchConditions: [{ name: 'x', expression }] });
    expect((await call('POST', configMaps, configMap)).code).toBe(expected);
  });

  test('one that does not hold decides, whatever another cannot say', async () => {
    const matchConditions = [
      { name: 'broken', expression: 'object.none.deeper == 1' },
      { name: 'no', expression: 'false' },
    ];
    await configure('Validating', '/deny', { matchConditions });
    expect((await call('POST', configMaps, configMap)).code).toBe(201);
  });
});
