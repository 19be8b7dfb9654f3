// What people do wrong, and what they are told: Kubernetes' reasons and codes, its words where it has them, and where we say more (which
// field was meant, which values there are), more. As the API answers; kubectl prints `The KIND "NAME" is invalid: FIELD: MESSAGE` of it.
import { afterAll, beforeAll, expect, test } from 'vitest';
import { withDefaults } from '#api/defaults';
import { KindCatalog } from '#api/kind-catalog';
import { ApiServer } from '#apiserver/api-server';
import { ManualClock } from '#foundation/clock';
import { silentLogger } from '#foundation/logger';
import { SeededRandom } from '#foundation/random';
import { MemoryStore } from '#store/memory-store';
import { admitNamespace } from '#store/namespaces';

let server: ApiServer;
let url: string;

const core = (plural: string) => `/api/v1/namespaces/default/${plural}`;
const apps = (plural: string) => `/apis/apps/v1/namespaces/default/${plural}`;
const configMap = (fields: object = {}, metadata: object = {}) => ({ metadata: { name: 'new', ...metadata }, ...fields });
const service = (spec: object) => ({ metadata: { name: 'new' }, spec });
const pod = (spec: object) => ({ metadata: { name: 'new' }, spec });
const containers = [{ name: 'a', image: 'b' }];
const template = (labels: object, spec: object = {}) => ({ metadata: { labels }, spec: { containers, ...spec } });
const deployment = (spec: object) => ({
  metadata: { name: 'new' },
  spec: { selector: { matchLabels: { a: 'b' } }, template: template({ a: 'b' }), ...spec },
});

const there: readonly (readonly [path: string, body: object])[] = [
  [core('configmaps'), { metadata: { name: 'there' } }],
  [core('configmaps'), { metadata: { name: 'sealed' }, immutable: true, data: { a: 'b' } }],
  [core('secrets'), { metadata: { name: 'there' }, type: 'Opaque', data: { a: 'Yg==' } }],
  [core('services'), { metadata: { name: 'there' }, spec: { clusterIP: '10.96.1.1', ports: [{ port: 80 }] } }],
  [core('pods'), { metadata: { name: 'there' }, spec: { containers: [{ name: 'a', image: 'b', command: ['x'] }] } }],
  [apps('deployments'), { ...deployment({}), metadata: { name: 'there' } }],
  [
    apps('statefulsets'),
    { metadata: { name: 'there' }, spec: { serviceName: 's', selector: { matchLabels: { a: 'b' } }, template: template({ a: 'b' }) } },
  ],
  ['/apis/batch/v1/namespaces/default/jobs', { metadata: { name: 'there' }, spec: { template: template({}, { restartPolicy: 'Never' }) } }],
];

beforeAll(async () => {
  const clock = new ManualClock();
  const catalog = new KindCatalog();
  const store = new MemoryStore({
    clock,
    random: new SeededRandom(3),
    kindOf: catalog.kindOf,
    complete: withDefaults,
    admit: admitNamespace,
  });
  server = new ApiServer({ store, clock, logger: silentLogger, version: '0', catalog });
  ({ url } = await server.listen({ host: '127.0.0.1', port: 0 }));
  for (const [path, body] of there) expect((await call('POST', path, body)).code).toBe(201);
});
afterAll(() => server.close());

interface Status {
  message: string;
  reason: string;
  details?: { kind?: string; name?: string };
}

async function call(method: string, path: string, body?: unknown, type = 'application/json'): Promise<{ code: number; status: Status }> {
  const text = typeof body === 'string' ? body : JSON.stringify(body);
  const response = await fetch(url + path, { method, ...(body !== undefined && { body: text, headers: { 'content-type': type } }) });
  return { code: response.status, status: (await response.json()) as Status };
}

const merge = 'application/merge-patch+json';
const jsonPatch = 'application/json-patch+json';
type Row = readonly [
  what: string,
  request: readonly [method: string, path: string, body?: unknown, type?: string],
  code: number,
  reason: string,
  message: string,
];

const label = 'use at most 63 letters, digits, "-", "_" and "."';
const rows: readonly Row[] = [
  ['not found', ['GET', core('pods/x')], 404, 'NotFound', 'pods "x" not found'],
  ['not found, with its group', ['GET', apps('deployments/x')], 404, 'NotFound', 'deployments.apps "x" not found'],
  ['nothing to delete', ['DELETE', core('services/x')], 404, 'NotFound', 'services "x" not found'],
  ['nothing to patch', ['PATCH', core('services/x'), {}, merge], 404, 'NotFound', 'services "x" not found'],
  ['an unknown path', ['GET', '/api/v1/nothing/x'], 404, 'NotFound', 'the server could not find the requested resource'],
  ['an unknown version', ['GET', '/apis/apps/v9/deployments'], 404, 'NotFound', 'the server could not find the requested resource'],
  ['it exists', ['POST', core('configmaps'), { metadata: { name: 'there' } }], 409, 'AlreadyExists', 'configmaps "there" already exists'],
  [
    'it exists, with its group',
    ['POST', apps('deployments'), { ...deployment({}), metadata: { name: 'there' } }],
    409,
    'AlreadyExists',
    'deployments.apps "there" already exists',
  ],
  [
    'a stale version',
    ['PUT', core('configmaps/there'), { metadata: { name: 'there', resourceVersion: '1' }, data: { a: 'b' } }],
    409,
    'Conflict',
    'Operation cannot be fulfilled on configmaps "there": the object has been modified; please apply your changes to the latest version and try again',
  ],
  [
    'no such namespace',
    ['POST', core('configmaps').replace('default', 'nowhere'), configMap()],
    404,
    'NotFound',
    'namespaces "nowhere" not found',
  ],
  [
    'another namespace',
    ['POST', core('configmaps'), configMap({}, { namespace: 'other' })],
    400,
    'BadRequest',
    'the namespace of the provided object does not match the namespace sent on the request',
  ],
  [
    'another name',
    ['PUT', core('configmaps/there'), configMap()],
    400,
    'BadRequest',
    'the name of the object (new) does not match the name on the URL (there)',
  ],
  [
    'another kind',
    ['POST', core('configmaps'), { apiVersion: 'v1', kind: 'Service', ...configMap() }],
    400,
    'BadRequest',
    'Service in version "v1" cannot be handled as a ConfigMap: the path is for configmaps',
  ],
  [
    'a version of what is not there yet',
    ['POST', core('configmaps'), configMap({}, { resourceVersion: '1' })],
    400,
    'BadRequest',
    'resourceVersion should not be set on objects to be created',
  ],
  [
    'the end of a namespace that must be',
    ['DELETE', '/api/v1/namespaces/default'],
    403,
    'Forbidden',
    'namespaces "default" is forbidden: this namespace may not be deleted',
  ],
  [
    'no name',
    ['POST', core('configmaps'), { metadata: {} }],
    422,
    'Invalid',
    'ConfigMap "" is invalid: metadata.name: this field is required',
  ],
  [
    'a bad name',
    ['POST', core('configmaps'), configMap({}, { name: 'A_b' })],
    422,
    'Invalid',
    'ConfigMap "A_b" is invalid: metadata.name: "A_b" is no name of an object (use lower-case letters, digits, "-" and ".", at most 253)',
  ],
  [
    'a bad name of a Service',
    ['POST', core('services'), { ...service({ ports: [{ port: 1 }] }), metadata: { name: '1a' } }],
    422,
    'Invalid',
    'Service "1a" is invalid: metadata.name: "1a" is no name of a Service (begin with a letter; lower-case letters, digits and "-", at most 63)',
  ],
  [
    'a label that is too long',
    ['POST', core('configmaps'), configMap({}, { labels: { k: 'a'.repeat(64) } })],
    422,
    'Invalid',
    `ConfigMap "new" is invalid: metadata.labels.k: "${'a'.repeat(64)}" is no value of a label (${label})`,
  ],
  [
    'a bad label',
    ['POST', core('configmaps'), configMap({}, { labels: { k: 'a b' } })],
    422,
    'Invalid',
    `ConfigMap "new" is invalid: metadata.labels.k: "a b" is no value of a label (${label})`,
  ],
  [
    'a bad key of a label',
    ['POST', core('configmaps'), configMap({}, { labels: { 'a b': '' } })],
    422,
    'Invalid',
    'ConfigMap "new" is invalid: metadata.labels["a b"]: "a b" is no key of a label (write [prefix/]name, the name at most 63 characters)',
  ],
  [
    'a bad key of an annotation',
    ['POST', core('configmaps'), configMap({}, { annotations: { 'a b': '' } })],
    422,
    'Invalid',
    'ConfigMap "new" is invalid: metadata.annotations["a b"]: "a b" is no key of annotations',
  ],
  [
    'an unknown field',
    ['POST', core('services'), service({ prts: [], ports: [{ port: 1 }] })],
    422,
    'Invalid',
    'Service "new" is invalid: spec.prts: unknown field "prts" (did you mean "ports"?)',
  ],
  [
    'a wrong type',
    ['POST', apps('deployments'), deployment({ replicas: 'many' })],
    422,
    'Invalid',
    'Deployment.apps "new" is invalid: spec.replicas: must be a whole number, not a string',
  ],
  [
    'too few',
    ['PATCH', apps('deployments/there'), { spec: { replicas: -1 } }, merge],
    422,
    'Invalid',
    'Deployment.apps "there" is invalid: spec.replicas: must be between 0 and 2147483647, not -1',
  ],
  ['no containers', ['POST', core('pods'), pod({})], 422, 'Invalid', 'Pod "new" is invalid: spec.containers: this field is required'],
  [
    'a container without name',
    ['POST', core('pods'), pod({ containers: [{ image: 'b' }] })],
    422,
    'Invalid',
    'Pod "new" is invalid: spec.containers[0].name: this field is required',
  ],
  [
    'two containers of a name',
    ['POST', core('pods'), pod({ containers: [...containers, ...containers] })],
    422,
    'Invalid',
    'Pod "new" is invalid: spec.containers[1].name: Duplicate value: "a"',
  ],
  [
    'a volume that is not there',
    ['POST', core('pods'), pod({ containers: [{ name: 'a', volumeMounts: [{ name: 'v', mountPath: '/v' }] }] })],
    422,
    'Invalid',
    'Pod "new" is invalid: spec.containers[0].volumeMounts[0].name: Not found: "v"',
  ],
  [
    'a restart policy',
    ['POST', core('pods'), pod({ containers, restartPolicy: 'Sometimes' })],
    422,
    'Invalid',
    'Pod "new" is invalid: spec.restartPolicy: Unsupported value: "Sometimes": supported values: "Always", "Never", "OnFailure"',
  ],
  [
    'a restart policy of a Deployment',
    ['POST', apps('deployments'), deployment({ template: template({ a: 'b' }, { restartPolicy: 'Never' }) })],
    422,
    'Invalid',
    'Deployment.apps "new" is invalid: spec.template.spec.restartPolicy: Unsupported value: "Never": supported values: "Always"',
  ],
  [
    'a quantity',
    ['POST', core('pods'), pod({ containers: [{ name: 'a', resources: { limits: { cpu: 'lots' } } }] })],
    422,
    'Invalid',
    `Pod "new" is invalid: spec.containers[0].resources.limits[cpu]: Invalid value: "lots": quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'`,
  ],
  [
    'no selector',
    ['POST', apps('deployments'), { metadata: { name: 'new' }, spec: { template: template({}) } }],
    422,
    'Invalid',
    'Deployment.apps "new" is invalid: spec.selector: this field is required',
  ],
  [
    'a selector of others',
    ['POST', apps('deployments'), deployment({ selector: { matchLabels: { a: 'c' } } })],
    422,
    'Invalid',
    'Deployment.apps "new" is invalid: spec.selector.matchLabels.a: the pods of spec.template do not have label a=c (set spec.template.metadata.labels a: c)',
  ],
  [
    'a port out of range',
    ['POST', core('services'), service({ ports: [{ port: 70_000 }] })],
    422,
    'Invalid',
    'Service "new" is invalid: spec.ports[0].port: must be between 1 and 65535, not 70000',
  ],
  [
    'no ports',
    ['POST', core('services'), service({ selector: { a: 'b' } })],
    422,
    'Invalid',
    'Service "new" is invalid: spec.ports: at least one port is required',
  ],
  [
    'a type of Service',
    ['POST', core('services'), service({ type: 'Foo', ports: [{ port: 1 }] })],
    422,
    'Invalid',
    'Service "new" is invalid: spec.type: unknown value "Foo": must be one of ClusterIP, NodePort, LoadBalancer, ExternalName',
  ],
  [
    'a key of a ConfigMap',
    ['POST', core('configmaps'), configMap({ data: { 'a/b': '' } })],
    422,
    'Invalid',
    `ConfigMap "new" is invalid: data[a/b]: Invalid value: "a/b": a valid config key must consist of alphanumeric characters, '-', '_' or '.' (e.g. 'key.name',  or 'KEY_NAME',  or 'key-name', regex used for validation is '[-._a-zA-Z0-9]+')`,
  ],
  [
    'a Secret in plain text, which is not said',
    ['POST', core('secrets'), configMap({ data: { word: 'sword-fish' } })],
    422,
    'Invalid',
    'Secret "new" is invalid: data[word]: illegal base64 data (use stringData for plain text)',
  ],
  [
    'another selector',
    [
      'PATCH',
      apps('deployments/there'),
      { spec: { selector: { matchLabels: { c: 'd' } }, template: { metadata: { labels: { c: 'd' } } } } },
      merge,
    ],
    422,
    'Invalid',
    'Deployment.apps "there" is invalid: spec.selector: Invalid value: {"matchLabels":{"a":"b","c":"d"}}: field is immutable',
  ],
  [
    'another cluster IP',
    ['PATCH', core('services/there'), { spec: { clusterIP: '10.96.2.2' } }, merge],
    422,
    'Invalid',
    'Service "there" is invalid: spec.clusterIPs[0]: Invalid value: ["10.96.2.2"]: may not change once set',
  ],
  [
    'another type of Secret',
    ['PATCH', core('secrets/there'), { type: 'x' }, merge],
    422,
    'Invalid',
    'Secret "there" is invalid: type: Invalid value: "x": field is immutable',
  ],
  [
    'data that are sealed',
    ['PATCH', core('configmaps/sealed'), { data: { a: 'c' } }, merge],
    422,
    'Invalid',
    'ConfigMap "sealed" is invalid: data: Forbidden: field is immutable when `immutable` is set',
  ],
  [
    'a seal that is broken',
    ['PATCH', core('configmaps/sealed'), { immutable: false }, merge],
    422,
    'Invalid',
    'ConfigMap "sealed" is invalid: immutable: Forbidden: field is immutable when `immutable` is set',
  ],
  [
    'another command of a Pod',
    ['PATCH', core('pods/there'), { spec: { containers: [{ name: 'a', image: 'b', command: ['y'] }] } }, merge],
    422,
    'Invalid',
    'Pod "there" is invalid: spec: Forbidden: pod updates may not change fields other than `spec.containers[*].image`,`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to existing tolerations),`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)',
  ],
  [
    'another service of a StatefulSet',
    ['PATCH', apps('statefulsets/there'), { spec: { serviceName: 't' } }, merge],
    422,
    'Invalid',
    `StatefulSet.apps "there" is invalid: spec: Forbidden: updates to statefulset spec for fields other than 'replicas', 'ordinals', 'template', 'updateStrategy', 'revisionHistoryLimit', 'persistentVolumeClaimRetentionPolicy' and 'minReadySeconds' are forbidden`,
  ],
  [
    'another template of a Job',
    ['PATCH', '/apis/batch/v1/namespaces/default/jobs/there', { spec: { completionMode: 'Indexed' } }, merge],
    422,
    'Invalid',
    'Job.batch "there" is invalid: spec.completionMode: Invalid value: "Indexed": field is immutable',
  ],
  [
    'a bad selector of labels',
    ['GET', `${core('pods')}?labelSelector=a%3Db%3Dc`],
    400,
    'BadRequest',
    'unable to parse the label selector "a=b=c": write key=value, key!=value, key in (a, b), key notin (a, b), key or !key',
  ],
  [
    'a field that selects nothing',
    ['GET', `${core('configmaps')}?fieldSelector=foo%3Dbar`],
    400,
    'BadRequest',
    'field label not supported: foo: known: metadata.name, metadata.namespace',
  ],
  [
    'a patch that is no list',
    ['PATCH', core('services/there'), { a: 1 }, jsonPatch],
    422,
    'Invalid',
    'a JSON patch is a list of at most 1000 operations',
  ],
  [
    'a patch of nothing',
    ['PATCH', core('services/there'), [{ op: 'remove', path: '/spec/x' }], jsonPatch],
    422,
    'Invalid',
    'operation 0: there is nothing at /spec/x',
  ],
  [
    'a patch of no operation',
    ['PATCH', core('services/there'), [{ op: 'x', path: '/spec' }], jsonPatch],
    422,
    'Invalid',
    'operation 0: unknown op "x"',
  ],
  [
    'a patch of another type',
    ['PATCH', core('services/there'), { spec: { ports: 'x' } }, merge],
    422,
    'Invalid',
    'Service "there" is invalid: spec.ports: must be a list, not a string',
  ],
  [
    'a dry run of some',
    ['POST', `${core('configmaps')}?dryRun=some`, configMap()],
    400,
    'BadRequest',
    'dryRun: "some" is unknown: the only value is All',
  ],
  [
    'a page that nobody gave',
    ['GET', `${core('pods')}?limit=1&continue=zzz`],
    410,
    'Expired',
    'the continue parameter is none that this server gave: list again from the beginning',
  ],
];

test.each(rows)('%s', async (_, request, code, reason, message) => {
  const answer = await call(...request);
  expect({ code: answer.code, reason: answer.status.reason, message: answer.status.message }).toEqual({ code, reason, message });
  const [, kind, name] = /^(\w+)\S* "([^"]*)" is invalid/.exec(message) ?? [];
  // By which kubectl says whose fault it is.
  if (kind !== undefined) expect(answer.status.details).toMatchObject({ kind, name });
});

test('what may be changed can be', async () => {
  const changes: readonly (readonly [path: string, body: object])[] = [
    [core('pods/there'), { spec: { containers: [{ name: 'a', image: 'c', command: ['x'] }], activeDeadlineSeconds: 9 } }],
    [apps('deployments/there'), { spec: { replicas: 3, template: { spec: { containers: [{ name: 'a', image: 'c' }] } } } }],
    [apps('statefulsets/there'), { spec: { replicas: 3 } }],
    [core('services/there'), { spec: { type: 'NodePort', ports: [{ port: 81 }] } }],
    [core('secrets/there'), { data: { a: 'Yw==' } }],
    [core('configmaps/sealed'), { metadata: { labels: { a: 'b' } } }],
  ];
  for (const [path, body] of changes) expect({ path, ...(await call('PATCH', path, body, merge)) }).toMatchObject({ path, code: 200 });
});
