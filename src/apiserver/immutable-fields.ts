// Fields that Kubernetes lets nobody change once an object is there, and how it says so. Pure.
import { isDeepStrictEqual } from 'node:util';
import { withDefaults } from '#api/defaults';
import { isPlainObject } from '#api/json';
import type { ApiObject } from '#api/kind';
import type { Problem } from '#foundation/problem';

type Node = Record<string, unknown>;

/** `object`: what is to replace `old`; a field that it leaves out is filled in later, and is no change. */
export function immutableProblems(object: ApiObject, old: ApiObject): Problem[] {
  const check = checks[`${old.apiVersion}/${old.kind}`];
  return check ? check(withDefaults(object) as unknown as Node, old as unknown as Node) : [];
}

const node = (value: unknown): Node => (isPlainObject(value) ? value : {});
const spec = (object: Node): Node => node(object['spec']);
const problem = (field: string, message: string): Problem => ({ level: 'error', code: 'IMMUTABLE', field, message });
const changed = (now: unknown, before: unknown): boolean => now !== undefined && before !== undefined && !isDeepStrictEqual(now, before);

const fixed =
  (...fields: readonly string[]) =>
  (object: Node, old: Node): Problem[] =>
    fields
      .filter((field) => changed(spec(object)[field], spec(old)[field]))
      .map((field) => problem(`spec.${field}`, `Invalid value: ${JSON.stringify(spec(object)[field])}: field is immutable`));

/** Data of ConfigMaps and Secrets that say so. */
function sealed(object: Node, old: Node): Problem[] {
  if (old['immutable'] !== true) return [];
  return ['immutable', 'data', 'binaryData']
    .filter((field) => !isDeepStrictEqual(object[field], old[field]))
    .map((field) => problem(field, 'Forbidden: field is immutable when `immutable` is set'));
}

function clusterAddress(object: Node, old: Node): Problem[] {
  const [{ clusterIP: now }, { clusterIP: before, type }] = [spec(object), spec(old)];
  if (type === 'ExternalName' || spec(object)['type'] === 'ExternalName' || now === '' || !changed(now, before)) return [];
  return [problem('spec.clusterIPs[0]', `Invalid value: ${JSON.stringify([now])}: may not change once set`)];
}

const statefulSetFields =
  'replicas ordinals template updateStrategy revisionHistoryLimit persistentVolumeClaimRetentionPolicy minReadySeconds'.split(' ');

function statefulSet(object: Node, old: Node): Problem[] {
  const rest = (of: Node) => Object.entries(spec(of)).filter(([field]) => !statefulSetFields.includes(field));
  const before = new Map(rest(old));
  if (!rest(object).some(([field, value]) => changed(value, before.get(field)))) return [];
  const [last, ...others] = statefulSetFields.map((field) => `'${field}'`).reverse();
  const names = `${others.reverse().join(', ')} and ${last}`;
  return [problem('spec', `Forbidden: updates to statefulset spec for fields other than ${names} are forbidden`)];
}

/** What may be changed of a Pod, and what this server fills in itself (its service account's volume), is left out of sight. */
function podParts(of: Node): Node {
  const { volumes: _, activeDeadlineSeconds: __, terminationGracePeriodSeconds: ___, tolerations: ____, ...rest } = spec(of);
  const containers = (field: string) =>
    (Array.isArray(rest[field]) ? rest[field] : []).map((each) => {
      const { image: _image, imagePullPolicy: _policy, volumeMounts: _mounts, ...others } = node(each);
      return others;
    });
  return { ...rest, containers: containers('containers'), initContainers: containers('initContainers') };
}

function pod(object: Node, old: Node): Problem[] {
  const [now, before] = [podParts(object), podParts(old)];
  if (!Object.entries(now).some(([field, value]) => changed(value, before[field]))) return [];
  const fields = ['spec.containers[*].image', 'spec.initContainers[*].image', 'spec.activeDeadlineSeconds', 'spec.tolerations'];
  const allowed = fields.map((field) => `\`${field}\``).join(',');
  return [
    problem(
      'spec',
      `Forbidden: pod updates may not change fields other than ${allowed} (only additions to existing tolerations),\`spec.terminationGracePeriodSeconds\` (allow it to be set to 1 if it was previously negative)`,
    ),
  ];
}

const checks: Readonly<Record<string, (object: Node, old: Node) => Problem[]>> = {
  'v1/Pod': pod,
  'v1/Service': clusterAddress,
  'v1/ConfigMap': sealed,
  'v1/Secret': (object, old) => [
    ...(changed(object['type'], old['type'])
      ? [problem('type', `Invalid value: ${JSON.stringify(object['type'])}: field is immutable`)]
      : []),
    ...sealed(object, old),
  ],
  'apps/v1/Deployment': fixed('selector'),
  'apps/v1/ReplicaSet': fixed('selector'),
  'apps/v1/DaemonSet': fixed('selector'),
  'apps/v1/StatefulSet': statefulSet,
  'batch/v1/Job': fixed('selector', 'template', 'completionMode'),
};
