// What Kubernetes fills in where an object of its kinds says nothing. Pure. Source: the defaults of Kubernetes' API types.
import { isPlainObject } from './json.ts';
import type { ApiObject } from './kind.ts';

type Node = Record<string, unknown>;

/** A new object where something was left out; what is there is never changed. */
export function withDefaults(object: ApiObject): ApiObject {
  const defaulted = byKind[`${object.apiVersion}/${object.kind}`]?.(object as unknown as Node);
  return defaulted ? (defaulted as unknown as ApiObject) : object;
}

const byKind: Readonly<Record<string, (object: Node) => Node>> = {
  'v1/Namespace': (object) => ({
    ...object,
    spec: { finalizers: ['kubernetes'], ...node(object['spec']) },
    status: { phase: 'Active', ...node(object['status']) },
  }),
  'v1/Service': (object) => ({ ...object, spec: service(node(object['spec'])) }),
  'v1/Secret': ({ stringData, ...object }) => ({
    type: 'Opaque',
    ...object,
    ...(stringData !== undefined && { data: encoded(object['data'], stringData) }),
  }),
  'v1/Pod': (object) => ({ ...object, spec: podSpec(node(object['spec'])) }),
  'apps/v1/Deployment': (object) =>
    withTemplate(object, {
      replicas: 1,
      strategy: { type: 'RollingUpdate', rollingUpdate: { maxUnavailable: '25%', maxSurge: '25%' } },
      revisionHistoryLimit: 10,
      progressDeadlineSeconds: 600,
    }),
  'apps/v1/ReplicaSet': (object) => withTemplate(object, { replicas: 1 }),
  'apps/v1/StatefulSet': (object) =>
    withTemplate(object, {
      replicas: 1,
      podManagementPolicy: 'OrderedReady',
      updateStrategy: { type: 'RollingUpdate', rollingUpdate: { partition: 0 } },
      revisionHistoryLimit: 10,
    }),
  'apps/v1/DaemonSet': (object) =>
    withTemplate(object, {
      updateStrategy: { type: 'RollingUpdate', rollingUpdate: { maxUnavailable: 1, maxSurge: 0 } },
      revisionHistoryLimit: 10,
    }),
  'batch/v1/Job': (object) => ({ ...object, spec: { ...ownPods(node(object['metadata'])), ...jobSpec(node(object['spec'])) } }),
  'batch/v1/CronJob': (object) => {
    const spec = node(object['spec']);
    const jobTemplate = node(spec['jobTemplate']);
    const defaults = { concurrencyPolicy: 'Allow', suspend: false, successfulJobsHistoryLimit: 3, failedJobsHistoryLimit: 1 };
    return { ...object, spec: { ...defaults, ...spec, jobTemplate: { ...jobTemplate, spec: jobSpec(node(jobTemplate['spec'])) } } };
  },
};

const node = (value: unknown): Node => (isPlainObject(value) ? value : {});
const list = (value: unknown): Node[] => (Array.isArray(value) ? value.map(node) : []);

function service(spec: Node): Node {
  const ports = list(spec['ports']).map((port) => ({ protocol: 'TCP', targetPort: port['port'], ...port }));
  return { type: 'ClusterIP', sessionAffinity: 'None', ...spec, ...(spec['ports'] !== undefined && { ports }) };
}

/** `stringData` is for writing alone: it becomes part of `data`. */
function encoded(data: unknown, stringData: unknown): Node {
  const texts = Object.entries(node(stringData)).map(([key, value]) => [key, Buffer.from(String(value)).toString('base64')]);
  return { ...node(data), ...Object.fromEntries(texts) };
}

function withTemplate(object: Node, defaults: Node): Node {
  const spec = node(object['spec']);
  return { ...object, spec: { ...defaults, ...spec, template: template(node(spec['template'])) } };
}

const template = (of: Node, defaults: Node = {}): Node => ({ ...of, spec: podSpec(node(of['spec']), defaults) });

/** A Job selects the pods that carry its uid. */
const ownPods = ({ uid }: Node): Node =>
  uid === undefined ? {} : { selector: { matchLabels: { 'batch.kubernetes.io/controller-uid': uid } } };

function jobSpec(spec: Node): Node {
  const defaults = { parallelism: 1, completions: 1, backoffLimit: 6, completionMode: 'NonIndexed', suspend: false };
  return { ...defaults, ...spec, template: template(node(spec['template'])) };
}

function podSpec(spec: Node, defaults: Node = {}): Node {
  const containers = (field: string) => (spec[field] === undefined ? {} : { [field]: list(spec[field]).map(container) });
  return {
    restartPolicy: 'Always',
    terminationGracePeriodSeconds: 30,
    dnsPolicy: 'ClusterFirst',
    schedulerName: 'default-scheduler',
    securityContext: {},
    ...defaults,
    ...spec,
    ...containers('containers'),
    ...containers('initContainers'),
  };
}

function container(of: Node): Node {
  const image = String(of['image'] ?? '');
  const latest = !/[:@][^/]*$/.test(image) || image.endsWith(':latest');
  const ports = list(of['ports']).map((port) => ({ protocol: 'TCP', ...port }));
  const probes = ['readinessProbe', 'livenessProbe', 'startupProbe'].flatMap((name) =>
    of[name] === undefined ? [] : [[name, probe(node(of[name]))]],
  );
  return {
    imagePullPolicy: latest ? 'Always' : 'IfNotPresent',
    terminationMessagePath: '/dev/termination-log',
    terminationMessagePolicy: 'File',
    resources: {},
    ...of,
    ...(of['ports'] !== undefined && { ports }),
    ...Object.fromEntries(probes),
  };
}

function probe(of: Node): Node {
  const defaults = { timeoutSeconds: 1, periodSeconds: 10, successThreshold: 1, failureThreshold: 3 };
  const httpGet = of['httpGet'] === undefined ? {} : { httpGet: { path: '/', scheme: 'HTTP', ...node(of['httpGet']) } };
  return { ...defaults, ...of, ...httpGet };
}
