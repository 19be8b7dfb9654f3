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
const istio = (plural: string) => `/apis/networking.istio.io/v1/namespaces/default/${plural}`;
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
  [core('pods'), { metadata: { name: 'two' }, spec: { initContainers: [{ name: 'i' }], containers: [{ name: 'a' }, { name: 'b' }] } }],
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
  message: unknown,
];

const subdomain =
  "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')";
const label =
  "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')";
const qualified =
  "name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')";
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
    'Service in version "v1" cannot be handled as a ConfigMap: converting (v1.Service) to (core.ConfigMap): unknown conversion',
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
    'ConfigMap "" is invalid: metadata.name: Required value: name or generateName is required',
  ],
  [
    'a bad name',
    ['POST', core('configmaps'), configMap({}, { name: 'A_b' })],
    422,
    'Invalid',
    `ConfigMap "A_b" is invalid: metadata.name: Invalid value: "A_b": ${subdomain}`,
  ],
  [
    'a bad name of a Service',
    ['POST', core('services'), { ...service({ ports: [{ port: 1 }] }), metadata: { name: '1a' } }],
    422,
    'Invalid',
    `Service "1a" is invalid: metadata.name: Invalid value: "1a": a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic character, and end with an alphanumeric character (e.g. 'my-name',  or 'abc-123', regex used for validation is '[a-z]([-a-z0-9]*[a-z0-9])?')`,
  ],
  [
    'a label that is too long',
    ['POST', core('configmaps'), configMap({}, { labels: { k: 'a'.repeat(64) } })],
    422,
    'Invalid',
    `ConfigMap "new" is invalid: metadata.labels: Invalid value: "${'a'.repeat(64)}": must be no more than 63 characters`,
  ],
  [
    'a bad label',
    ['POST', core('configmaps'), configMap({}, { labels: { k: 'a b' } })],
    422,
    'Invalid',
    `ConfigMap "new" is invalid: metadata.labels: Invalid value: "a b": a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')`,
  ],
  [
    'a bad key of a label',
    ['POST', core('configmaps'), configMap({}, { labels: { 'a b': '' } })],
    422,
    'Invalid',
    `ConfigMap "new" is invalid: metadata.labels: Invalid value: "a b": ${qualified}`,
  ],
  [
    'a bad key of an annotation',
    ['POST', core('configmaps'), configMap({}, { annotations: { 'a b': '' } })],
    422,
    'Invalid',
    `ConfigMap "new" is invalid: metadata.annotations: Invalid value: "a b": ${qualified}`,
  ],
  [
    'an unknown field',
    ['POST', core('services'), service({ prts: [], ports: [{ port: 1 }] })],
    400,
    'BadRequest',
    'Service in version "v1" cannot be handled as a Service: strict decoding error: unknown field "spec.prts" (did you mean "ports"?)',
  ],
  [
    'a wrong type',
    ['POST', apps('deployments'), deployment({ replicas: 'many' })],
    400,
    'BadRequest',
    'Deployment in version "v1" cannot be handled as a Deployment: json: cannot unmarshal string into Go struct field DeploymentSpec.spec.replicas of type int32',
  ],
  [
    'too few',
    ['PATCH', apps('deployments/there'), { spec: { replicas: -1 } }, merge],
    422,
    'Invalid',
    'Deployment.apps "there" is invalid: spec.replicas: Invalid value: -1: must be greater than or equal to 0',
  ],
  ['no containers', ['POST', core('pods'), pod({})], 422, 'Invalid', 'Pod "new" is invalid: spec.containers: Required value'],
  [
    'a container without name',
    ['POST', core('pods'), pod({ containers: [{ image: 'b' }] })],
    422,
    'Invalid',
    'Pod "new" is invalid: spec.containers[0].name: Required value',
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
    400,
    'BadRequest',
    `Pod in version "v1" cannot be handled as a Pod: quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'`,
  ],
  [
    'no selector',
    ['POST', apps('deployments'), { metadata: { name: 'new' }, spec: { template: template({}) } }],
    422,
    'Invalid',
    'Deployment.apps "new" is invalid: spec.selector: Required value',
  ],
  [
    'a selector of others',
    ['POST', apps('deployments'), deployment({ selector: { matchLabels: { a: 'c' } } })],
    422,
    'Invalid',
    'Deployment.apps "new" is invalid: spec.template.metadata.labels: Invalid value: {"a":"b"}: `selector` does not match template `labels` (set a: c)',
  ],
  [
    'a port out of range',
    ['POST', core('services'), service({ ports: [{ port: 70_000 }] })],
    422,
    'Invalid',
    'Service "new" is invalid: spec.ports[0].port: Invalid value: 70000: must be between 1 and 65535, inclusive',
  ],
  [
    'no ports',
    ['POST', core('services'), service({ selector: { a: 'b' } })],
    422,
    'Invalid',
    'Service "new" is invalid: spec.ports: Required value',
  ],
  [
    'a type of Service',
    ['POST', core('services'), service({ type: 'Foo', ports: [{ port: 1 }] })],
    422,
    'Invalid',
    'Service "new" is invalid: spec.type: Unsupported value: "Foo": supported values: "ClusterIP", "ExternalName", "LoadBalancer", "NodePort"',
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
    400,
    'BadRequest',
    'Secret in version "v1" cannot be handled as a Secret: illegal base64 data at input byte 5',
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
    '"foo" is not a known field selector: only "metadata.name", "metadata.namespace"',
  ],
  [
    'a patch that is no list',
    ['PATCH', core('services/there'), { a: 1 }, jsonPatch],
    400,
    'BadRequest',
    'json: cannot unmarshal object into Go value of type jsonpatch.Patch',
  ],
  [
    'a patch of nothing',
    ['PATCH', core('services/there'), [{ op: 'remove', path: '/spec/x' }], jsonPatch],
    422,
    'Invalid',
    'the server rejected our request due to an error in our request: operation 0: there is nothing at /spec/x',
  ],
  [
    'a patch of no operation',
    ['PATCH', core('services/there'), [{ op: 'x', path: '/spec' }], jsonPatch],
    422,
    'Invalid',
    'the server rejected our request due to an error in our request: operation 0: unknown op "x"',
  ],
  [
    'a patch of another type',
    ['PATCH', core('services/there'), { spec: { ports: 'x' } }, merge],
    422,
    'Invalid',
    '"" is invalid: patch: Invalid value: "{\\"spec\\":{\\"ports\\":\\"x\\"}}": json: cannot unmarshal string into Go struct field ServiceSpec.spec.ports of type []v1.ServicePort',
  ],
  [
    'a dry run of some',
    ['POST', `${core('configmaps')}?dryRun=some`, configMap()],
    422,
    'Invalid',
    'CreateOptions.meta.k8s.io "" is invalid: dryRun: Unsupported value: ["some"]: supported values: "All"',
  ],
  [
    'a page that nobody gave',
    ['GET', `${core('pods')}?limit=1&continue=zzz`],
    410,
    'Expired',
    'the continue parameter is none that this server gave: list again from the beginning',
  ],
  [
    'unknown fields, several',
    ['POST', apps('deployments'), deployment({ replcas: 1, template: template({ a: 'b' }, { containers: [{ name: 'a', imagee: 'b' }] }) })],
    400,
    'BadRequest',
    'Deployment in version "v1" cannot be handled as a Deployment: strict decoding error: unknown field "spec.replcas" (did you mean "replicas"?), unknown field "spec.template.spec.containers[0].imagee" (did you mean "image"?)',
  ],
  [
    'an unknown field of Istio’s',
    ['POST', istio('virtualservices'), { metadata: { name: 'new' }, spec: { htp: [] } }],
    400,
    'BadRequest',
    'VirtualService in version "v1" cannot be handled as a VirtualService: strict decoding error: unknown field "spec.htp" (did you mean "http"?)',
  ],
  [
    'a wrong type of Istio’s, which Kubernetes knows by its definition',
    ['POST', istio('virtualservices'), { metadata: { name: 'new' }, spec: { hosts: ['a'], http: 'x' } }],
    422,
    'Invalid',
    'VirtualService.networking.istio.io "new" is invalid: spec.http: Invalid value: "string": spec.http in body must be of type array: "string"',
  ],
  [
    'a patch of an unknown field',
    ['PATCH', core('services/there'), { spec: { prts: [] } }, merge],
    422,
    'Invalid',
    '"" is invalid: patch: Invalid value: "{\\"spec\\":{\\"prts\\":[]}}": strict decoding error: unknown field "spec.prts" (did you mean "ports"?)',
  ],
  [
    'a number for a label',
    ['POST', core('configmaps'), configMap({}, { labels: { version: 1 } })],
    400,
    'BadRequest',
    'ConfigMap in version "v1" cannot be handled as a ConfigMap: json: cannot unmarshal number into Go struct field ObjectMeta.metadata.labels of type string',
  ],
  [
    'a number for a variable',
    ['POST', core('pods'), pod({ containers: [{ name: 'a', env: [{ name: 'A', value: 1 }] }] })],
    400,
    'BadRequest',
    'Pod in version "v1" cannot be handled as a Pod: json: cannot unmarshal number into Go struct field EnvVar.spec.containers.env.value of type string',
  ],
  [
    'a name of a namespace',
    ['POST', '/api/v1/namespaces', { metadata: { name: 'a.b' } }],
    422,
    'Invalid',
    `Namespace "a.b" is invalid: metadata.name: Invalid value: "a.b": ${label}`,
  ],
  [
    'a name that is too long',
    ['POST', core('configmaps'), configMap({}, { name: 'a'.repeat(254) })],
    422,
    'Invalid',
    `ConfigMap "${'a'.repeat(254)}" is invalid: metadata.name: Invalid value: "${'a'.repeat(254)}": must be no more than 253 characters`,
  ],
  [
    'ports of one name',
    [
      'POST',
      core('services'),
      service({
        ports: [
          { name: 'a', port: 1 },
          { name: 'a', port: 2 },
        ],
      }),
    ],
    422,
    'Invalid',
    'Service "new" is invalid: spec.ports[1].name: Duplicate value: "a"',
  ],
  [
    'one port twice',
    [
      'POST',
      core('services'),
      service({
        ports: [
          { name: 'a', port: 1 },
          { name: 'b', port: 1 },
        ],
      }),
    ],
    422,
    'Invalid',
    'Service "new" is invalid: spec.ports[1]: Duplicate value: {"protocol":"TCP","port":1}',
  ],
  [
    'a bad name of a port',
    ['POST', core('services'), service({ ports: [{ name: 'A', port: 1 }] })],
    422,
    'Invalid',
    `Service "new" is invalid: spec.ports[0].name: Invalid value: "A": ${label}`,
  ],
  [
    'a protocol',
    ['POST', core('services'), service({ ports: [{ port: 1, protocol: 'tcp' }] })],
    422,
    'Invalid',
    'Service "new" is invalid: spec.ports[0].protocol: Unsupported value: "tcp": supported values: "SCTP", "TCP", "UDP" (did you mean "TCP"?)',
  ],
  [
    'a selector of others, of a StatefulSet',
    [
      'POST',
      apps('statefulsets'),
      { metadata: { name: 'new' }, spec: { serviceName: 's', selector: { matchLabels: { a: 'c' } }, template: template({ a: 'b' }) } },
    ],
    422,
    'Invalid',
    'StatefulSet.apps "new" is invalid: spec.template.metadata.labels: Invalid value: {"a":"b"}: `selector` does not match template `labels` (set a: c)',
  ],
  [
    'an empty selector',
    ['POST', apps('deployments'), deployment({ selector: {} })],
    422,
    'Invalid',
    'Deployment.apps "new" is invalid: spec.selector: Invalid value: {}: empty selector is invalid for deployment (it would take every pod: give matchLabels)',
  ],
  [
    'fewer than no replicas',
    ['PUT', apps('deployments/there/scale'), { metadata: { name: 'there' }, spec: { replicas: -1 } }],
    422,
    'Invalid',
    'Scale.autoscaling "there" is invalid: spec.replicas: Invalid value: -1: must be greater than or equal to 0',
  ],
  [
    'the end of another one of that name',
    ['DELETE', core('configmaps/there'), { preconditions: { uid: 'x' } }],
    409,
    'Conflict',
    expect.stringMatching(
      /^Operation cannot be fulfilled on configmaps "there": Precondition failed: UID in precondition: x, UID in object meta: [0-9a-f-]{36}$/,
    ),
  ],
  [
    'a field of Pods that selects nothing',
    ['GET', `${core('pods')}?fieldSelector=spec.foo%3Dbar`],
    400,
    'BadRequest',
    'field label not supported: spec.foo',
  ],
  [
    'a body of another type',
    ['POST', core('configmaps'), 'a', 'text/plain'],
    415,
    'UnsupportedMediaType',
    'the body of the request was in an unknown format - accepted media types include: application/json, application/yaml, application/vnd.kubernetes.protobuf',
  ],
  [
    'a patch of no known type',
    ['PATCH', core('configmaps/there'), {}],
    415,
    'UnsupportedMediaType',
    'the body of the request was in an unknown format - accepted media types include: application/merge-patch+json, application/strategic-merge-patch+json, application/json-patch+json, application/apply-patch+yaml',
  ],
  [
    'a body of 3 MB',
    ['POST', core('configmaps'), configMap({ data: { a: 'a'.repeat(3 * 1024 * 1024) } })],
    413,
    'RequestEntityTooLarge',
    'Request entity too large: limit is 3145728',
  ],
  [
    'a method that makes no sense',
    ['POST', core('configmaps/there'), {}],
    405,
    'MethodNotAllowed',
    'the server does not allow this method on the requested resource',
  ],
  [
    'the log of one that is not there',
    ['GET', core('pods/there/log?container=x')],
    400,
    'BadRequest',
    'container x is not valid for pod there',
  ],
  [
    'a log before it has begun',
    ['GET', core('pods/there/log')],
    400,
    'BadRequest',
    'container "a" in pod "there" is waiting to start: ContainerCreating',
  ],
  [
    'a log of two',
    ['GET', core('pods/two/log')],
    400,
    'BadRequest',
    'a container name must be specified for pod two, choose one of: [a b] or one of the init containers: [i]',
  ],
];

test.each(rows)('%s', async (_, request, code, reason, message) => {
  const answer = await call(...request);
  expect({ code: answer.code, reason: answer.status.reason, message: answer.status.message }).toEqual({ code, reason, message });
  const [, kind, name] = /^(\w+)\S* "([^"]*)" is invalid/.exec(String(message)) ?? [];
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
