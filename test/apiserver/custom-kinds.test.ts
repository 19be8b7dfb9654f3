// Kinds that come by definition: served, checked, defaulted, shown and gone again.
import { beforeEach, describe, expect, test } from 'vitest';
import type { ApiObject } from '#api/kind';
import { useApiServer } from './use-api-server.ts';

const server = useApiServer();

async function call(method: string, path: string, body?: object, accept = 'application/json') {
  const headers = { accept, ...(body && { 'content-type': 'application/json' }) };
  const response = await fetch(server.url + path, { method, headers, ...(body && { body: JSON.stringify(body) }) });
  return { code: response.status, body: (await response.json()) as ApiObject & Record<string, unknown> & { message: string } };
}

const spec = {
  type: 'object',
  required: ['cronSpec'],
  properties: {
    cronSpec: { type: 'string', pattern: '^\\S+$' },
    replicas: { type: 'integer', default: 3, maximum: 10 },
    extra: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true },
    port: { 'x-kubernetes-int-or-string': true },
  },
};
const definition = {
  apiVersion: 'apiextensions.k8s.io/v1',
  kind: 'CustomResourceDefinition',
  metadata: { name: 'crontabs.stable.example.com' },
  spec: {
    group: 'stable.example.com',
    scope: 'Namespaced',
    names: { plural: 'crontabs', singular: 'crontab', kind: 'CronTab', shortNames: ['ct'] },
    versions: [
      { name: 'v1beta1', served: true, storage: false, schema: { openAPIV3Schema: { type: 'object', properties: { spec } } } },
      {
        name: 'v1',
        served: true,
        storage: true,
        schema: { openAPIV3Schema: { type: 'object', properties: { spec } } },
        additionalPrinterColumns: [{ name: 'Replicas', type: 'integer', jsonPath: '.spec.replicas' }],
      },
    ],
  },
};
const definitions = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions';
const crontabs = (version = 'v1') => `/apis/stable.example.com/${version}/namespaces/default/crontabs`;
const crontab = (fields: object = {}) => ({ kind: 'CronTab', metadata: { name: 'a' }, spec: { cronSpec: 'x', ...fields } });

describe('a custom kind', () => {
  beforeEach(() => call('POST', definitions, definition));

  test('is discovered and served in each of its versions, with the defaults of its schema', async () => {
    expect((await call('GET', '/apis/stable.example.com/v1')).body['resources']).toMatchObject([
      { name: 'crontabs', shortNames: ['ct'] },
      {},
    ]);
    expect((await call('POST', crontabs('v1beta1'), crontab())).body).toMatchObject({
      apiVersion: 'stable.example.com/v1beta1',
      spec: { replicas: 3 },
    });
    expect((await call('GET', `${crontabs()}/a`)).body.apiVersion).toBe('stable.example.com/v1');
    const { body } = await call('GET', `${definitions}/${definition.metadata.name}`);
    expect(body['status']).toMatchObject({ conditions: [{ type: 'NamesAccepted' }, { type: 'Established', status: 'True' }] });
  });

  const refused: readonly (readonly [what: string, fields: object, message: string])[] = [
    ['an unknown field', { cronSpek: 1 }, 'strict decoding error: unknown field "spec.cronSpek"'],
    ['a wrong type', { replicas: 'x' }, 'spec.replicas: Invalid value: "string": spec.replicas in body must be of type integer: "string"'],
    ['too much', { replicas: 11 }, 'spec.replicas: Invalid value: 11: spec.replicas in body should be less than or equal to 10'],
    ['what does not match', { cronSpec: 'a b' }, `spec.cronSpec: Invalid value: "a b": spec.cronSpec in body should match '^\\S+$'`],
    ['a missing field', { cronSpec: null }, 'spec.cronSpec: Required value'],
  ];
  test.each(refused)('refuses %s', async (_, fields, message) => {
    const { code, body } = await call('POST', crontabs(), crontab(fields));
    expect([code, body.message]).toEqual([message.startsWith('strict') ? 400 : 422, expect.stringContaining(message)]);
  });

  test('takes what its schema leaves open', async () => {
    expect((await call('POST', crontabs(), crontab({ extra: { anything: [1] }, port: 'http' }))).code).toBe(201);
  });

  test('is shown in its columns', async () => {
    await call('POST', crontabs(), crontab({ replicas: 7 }));
    const { body } = await call('GET', crontabs(), undefined, 'application/json;as=Table;v=v1;g=meta.k8s.io,application/json');
    expect(body).toMatchObject({ kind: 'Table', columnDefinitions: [{}, { name: 'REPLICAS' }, {}], rows: [{ cells: ['a', '7', '0s'] }] });
  });

  test('goes with its definition', async () => {
    await call('POST', crontabs(), crontab());
    await call('DELETE', `${definitions}/${definition.metadata.name}`);
    expect((await call('GET', crontabs())).code).toBe(404);
    await call('POST', definitions, definition);
    expect((await call('GET', crontabs())).body['items']).toEqual([]);
  });
});

test('a kind of ours is not redefined', async () => {
  const names = { plural: 'virtualservices', singular: 'virtualservice', kind: 'VirtualService' };
  const other = {
    ...definition,
    metadata: { name: 'virtualservices.networking.istio.io' },
    spec: { ...definition.spec, group: 'networking.istio.io', names },
  };
  expect((await call('POST', definitions, other)).code).toBe(201);
  const { body } = await call('POST', '/apis/networking.istio.io/v1/namespaces/default/virtualservices', {
    metadata: { name: 'v' },
    spec: { hots: [] },
  });
  expect(body.message).toContain('did you mean "hosts"?');
});

describe('rules in CEL', () => {
  const rule = (text: string, more: object = {}) => ({ rule: text, ...more });
  const withRules = (rules: object[], fields: object = {}) => {
    const properties = { ...spec.properties, ...fields };
    const version = definition.spec.versions[1]!;
    const schema = {
      openAPIV3Schema: { type: 'object', properties: { spec: { ...spec, properties, 'x-kubernetes-validations': rules } } },
    };
    return { ...definition, spec: { ...definition.spec, versions: [{ ...version, schema }] } };
  };
  const withPattern = (pattern: string) => withRules([], { cronSpec: { type: 'string', pattern } });
  const put = (fields: object) => call('PUT', `${crontabs()}/a`, crontab(fields));

  test.each<[string, object[], object, object, string | undefined]>([
    ['one that holds', [rule('self.replicas >= 1')], {}, { replicas: 2 }, undefined],
    ['one that does not', [rule('self.replicas >= 5')], {}, { replicas: 2 }, 'spec: failed rule: self.replicas >= 5'],
    ['with a message', [rule('self.replicas >= 5', { message: 'too few' })], {}, { replicas: 2 }, 'spec: too few'],
    [
      'with a message that is made, and a place',
      [rule('self.replicas >= 5', { messageExpression: "'only ' + string(self.replicas)", fieldPath: '.replicas' })],
      {},
      { replicas: 2 },
      'spec.replicas: only 2',
    ],
    [
      'of the elements of a list',
      [],
      { ports: { type: 'array', items: { type: 'integer', 'x-kubernetes-validations': [rule('self % 2 == 0')] } } },
      { ports: [2, 3] },
      'spec.ports[1]: failed rule: self % 2 == 0',
    ],
    [
      'of a name that CEL cannot write',
      [rule('self.foo__dash__bar == "x"')],
      { 'foo-bar': { type: 'string' } },
      { 'foo-bar': 'y' },
      'spec: failed rule',
    ],
    ['of a URL', [rule('isURL(self.cronSpec)')], {}, {}, 'spec: failed rule: isURL(self.cronSpec)'],
    [
      'that fails',
      [rule('self.extra.none == 1')],
      {},
      { extra: {} },
      'spec: rule "self.extra.none == 1" cannot be evaluated: No such key: none',
    ],
  ])('%s', async (_, rules, fields, given, message) => {
    expect((await call('POST', definitions, withRules(rules, fields))).code).toBe(201);
    const { code, body } = await call('POST', crontabs(), crontab(given));
    expect(code).toBe(message === undefined ? 201 : 422);
    if (message !== undefined) expect(body.message).toContain(`CronTab.stable.example.com "a" is invalid: ${message}`);
  });

  test('of a change: on what was there, and not on what is new', async () => {
    await call('POST', definitions, withRules([rule('self.replicas >= oldSelf.replicas', { message: 'may only grow' })]));
    expect((await call('POST', crontabs(), crontab({ replicas: 3 }))).code).toBe(201);
    expect((await put({ replicas: 4 })).code).toBe(200);
    const { code, body } = await put({ replicas: 2 });
    expect([code, body.message]).toEqual([422, 'CronTab.stable.example.com "a" is invalid: spec: may only grow']);
  });

  test('a pattern is one of RE2, which ends however long the text', async () => {
    await call('POST', definitions, withPattern('^(x+)+$'));
    const { code, body } = await call('POST', crontabs(), crontab({ cronSpec: `${'x'.repeat(100_000)}y` }));
    expect([code, body.message]).toEqual([422, expect.stringContaining(`: spec.cronSpec in body should match '`)]);
  });

  test('a definition whose pattern is none is refused', async () => {
    const { code, body } = await call('POST', definitions, withPattern('a(?!b)'));
    expect([code, body.message]).toEqual([422, expect.stringContaining('invalid or unsupported Perl syntax: `(?!`')]);
  });

  test('a definition whose rule is none is refused', async () => {
    const { code, body } = await call('POST', definitions, withRules([rule('self.replicas >')]));
    expect([code, body.message]).toEqual([
      422,
      expect.stringMatching(/^openAPIV3Schema\.spec: rule "self\.replicas >": compilation failed: /),
    ]);
  });
});
