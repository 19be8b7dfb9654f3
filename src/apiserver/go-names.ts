// What Kubernetes' Go types are called where its decoder names them in a message: `DeploymentSpec.spec.replicas of type int32`. Pure.
import type { PathSegment } from '#api/field-path';

export interface GoField {
  /** The innermost struct that holds the field: `EnvVar`. */
  struct: string;
  /** As the decoder writes paths, without indices and keys of maps: `spec.template.spec.containers.env.value`. */
  path: string;
}

/** By the field that holds them, where that is not the name with a capital. */
const structs: Readonly<Record<string, string>> = {
  metadata: 'ObjectMeta',
  ownerReferences: 'OwnerReference',
  template: 'PodTemplateSpec',
  jobTemplate: 'JobTemplateSpec',
  selector: 'LabelSelector',
  matchExpressions: 'LabelSelectorRequirement',
  containers: 'Container',
  initContainers: 'Container',
  env: 'EnvVar',
  envFrom: 'EnvFromSource',
  valueFrom: 'EnvVarSource',
  configMapKeyRef: 'ConfigMapKeySelector',
  secretKeyRef: 'SecretKeySelector',
  fieldRef: 'ObjectFieldSelector',
  resources: 'ResourceRequirements',
  volumes: 'Volume',
  volumeMounts: 'VolumeMount',
  configMap: 'ConfigMapVolumeSource',
  secret: 'SecretVolumeSource',
  emptyDir: 'EmptyDirVolumeSource',
  hostPath: 'HostPathVolumeSource',
  livenessProbe: 'Probe',
  readinessProbe: 'Probe',
  startupProbe: 'Probe',
  httpGet: 'HTTPGetAction',
  tcpSocket: 'TCPSocketAction',
  exec: 'ExecAction',
  grpc: 'GRPCAction',
  strategy: 'DeploymentStrategy',
  rules: 'PolicyRule',
  subjects: 'Subject',
};
const maps = new Set(['labels', 'annotations', 'matchLabels', 'data', 'stringData', 'binaryData', 'limits', 'requests', 'nodeSelector']);

/** Of a kind of Kubernetes' own. */
export function goField(kind: string, segments: readonly PathSegment[]): GoField {
  const names = segments.filter((segment) => typeof segment === 'string');
  const map = names.findIndex((_, i) => isMap(kind, names, i));
  const fields = map < 0 ? names : names.slice(0, map + 1);
  return { struct: structOf(kind, fields.slice(0, -1)), path: fields.join('.') };
}

/** Of what stands there. `type`: JSON schema's. */
export function goType(kind: string, segments: readonly PathSegment[], type: string): string {
  const names = segments.filter((segment) => typeof segment === 'string');
  const last = names.at(-1) ?? '';
  switch (type) {
    case 'integer':
      return /Seconds$|^generation$/.test(last) && names[0] !== 'status' && !/^(period|initialDelay|timeout)/.test(last)
        ? 'int64'
        : 'int32';
    case 'number':
      return 'float64';
    case 'boolean':
      return 'bool';
    case 'object':
      return isMap(kind, names, names.length - 1) ? 'map[string]string' : `v1.${structOf(kind, names)}`;
    case 'array':
      return /^(args|command|hosts|verbs|resources|apiGroups|finalizers|values)$/.test(last) ? '[]string' : `[]v1.${structOf(kind, names)}`;
    default:
      return 'string';
  }
}

const isMap = (kind: string, names: readonly string[], i: number): boolean =>
  maps.has(names[i] ?? '') || (names[i] === 'selector' && (kind === 'Service' || names[i - 1] !== 'spec'));

function structOf(kind: string, names: readonly string[]): string {
  const last = names.at(-1);
  const before = names.at(-2);
  if (last === undefined) return kind;
  if (last === 'spec') return before === 'template' ? 'PodSpec' : before === 'jobTemplate' ? 'JobSpec' : `${kind}Spec`;
  if (last === 'status') return `${kind}Status`;
  if (last === 'ports') return before === 'spec' ? `${kind}Port` : 'ContainerPort';
  if (last === 'securityContext') return before === 'spec' ? 'PodSecurityContext' : 'SecurityContext';
  if (last === 'updateStrategy') return `${kind}UpdateStrategy`;
  if (last === 'rollingUpdate') return `RollingUpdate${kind}${kind === 'StatefulSet' ? 'Strategy' : ''}`;
  return structs[last] ?? `${last[0]?.toUpperCase()}${last.slice(1)}`;
}
