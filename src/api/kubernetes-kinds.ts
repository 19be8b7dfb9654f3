// Kinds of Kubernetes and of the Gateway API that files hold beside the mesh's own, and that analyzers read. Nothing
// of ours acts on them; their schemas take whatever Kubernetes takes, and name what is read.
import { type Static, type TProperties, type TSchema, Type } from '@sinclair/typebox';
import type { Kind } from './kind.ts';
import { bool, openMessage, stringMap, text, texts } from './schema/field.ts';
import { metadataOf } from './schema/metadata.ts';

/** An object of which only these fields are looked at. */
function tolerant<P extends TProperties>(fields: P) {
  return Type.Object(
    { apiVersion: Type.String(), kind: Type.String(), metadata: metadataOf, ...fields },
    { additionalProperties: true, required: ['apiVersion', 'kind', 'metadata'] },
  );
}

const selectorSchema = openMessage({
  matchLabels: stringMap,
  matchExpressions: Type.Array(openMessage({ key: text, operator: text, values: texts }, ['key', 'operator'])),
});

const webhookSchema = openMessage(
  {
    name: text,
    clientConfig: openMessage({ url: text, service: openMessage({ name: text, namespace: text }) }),
    namespaceSelector: selectorSchema,
    objectSelector: selectorSchema,
  },
  ['name'],
);

const webhookConfigurationSchema = tolerant({ webhooks: Type.Optional(Type.Array(webhookSchema)) });
const customResourceDefinitionSchema = tolerant({
  spec: Type.Optional(
    openMessage({
      group: text,
      names: openMessage({ kind: text }),
      versions: Type.Array(openMessage({ name: text, served: bool, schema: openMessage({ openAPIV3Schema: openMessage({}) }) })),
    }),
  ),
});
const kubernetesGatewaySchema = tolerant({
  spec: Type.Optional(openMessage({ listeners: Type.Array(openMessage({ hostname: text })) })),
});
const anySchema = tolerant({});

export type LabelSelector = Static<typeof selectorSchema>;
export type WebhookConfiguration = Static<typeof webhookConfigurationSchema>;
export type CustomResourceDefinition = Static<typeof customResourceDefinitionSchema>;
export type KubernetesGateway = Static<typeof kubernetesGatewaySchema>;

interface Row {
  kind: string;
  plural?: string;
  versions?: readonly string[];
  short?: readonly string[];
  cluster?: true;
  schema?: TSchema;
}

const byGroup: Readonly<Record<string, readonly Row[]>> = {
  '': [
    { kind: 'Node', short: ['no'], cluster: true },
    { kind: 'PersistentVolumeClaim', short: ['pvc'] },
    { kind: 'PersistentVolume', short: ['pv'], cluster: true },
    { kind: 'LimitRange', short: ['limits'] },
    { kind: 'ResourceQuota', short: ['quota'] },
    { kind: 'ReplicationController', short: ['rc'] },
  ],
  autoscaling: [{ kind: 'HorizontalPodAutoscaler', short: ['hpa'], versions: ['v2', 'v1'] }],
  policy: [{ kind: 'PodDisruptionBudget', short: ['pdb'] }],
  'networking.k8s.io': [
    { kind: 'Ingress', short: ['ing'], plural: 'ingresses' },
    { kind: 'IngressClass', plural: 'ingressclasses', cluster: true },
    { kind: 'NetworkPolicy', short: ['netpol'], plural: 'networkpolicies' },
  ],
  'rbac.authorization.k8s.io': [
    { kind: 'Role' },
    { kind: 'RoleBinding' },
    { kind: 'ClusterRole', cluster: true },
    { kind: 'ClusterRoleBinding', cluster: true },
  ],
  'storage.k8s.io': [{ kind: 'StorageClass', short: ['sc'], plural: 'storageclasses', cluster: true }],
  'admissionregistration.k8s.io': [
    { kind: 'ValidatingWebhookConfiguration', cluster: true, schema: webhookConfigurationSchema },
    { kind: 'MutatingWebhookConfiguration', cluster: true, schema: webhookConfigurationSchema },
  ],
  'apiextensions.k8s.io': [
    { kind: 'CustomResourceDefinition', short: ['crd', 'crds'], cluster: true, schema: customResourceDefinitionSchema },
  ],
  'gateway.networking.k8s.io': [
    { kind: 'GatewayClass', plural: 'gatewayclasses', versions: ['v1', 'v1beta1'], cluster: true },
    { kind: 'Gateway', versions: ['v1', 'v1beta1', 'v1alpha2'], schema: kubernetesGatewaySchema },
    { kind: 'HTTPRoute', versions: ['v1', 'v1beta1', 'v1alpha2'] },
    { kind: 'GRPCRoute', versions: ['v1', 'v1alpha2'] },
    { kind: 'TLSRoute', versions: ['v1', 'v1alpha3', 'v1alpha2'] },
    { kind: 'TCPRoute', versions: ['v1alpha2'] },
    { kind: 'UDPRoute', versions: ['v1alpha2'] },
    { kind: 'ReferenceGrant', versions: ['v1', 'v1beta1', 'v1alpha2'] },
    { kind: 'BackendTLSPolicy', plural: 'backendtlspolicies', versions: ['v1', 'v1alpha3'] },
  ],
};

export const kubernetesKinds: readonly Kind[] = Object.entries(byGroup).flatMap(([group, rows]) =>
  rows.map(({ kind, plural, versions = ['v1'], cluster, schema = anySchema, short = [] }) => ({
    kind,
    plural: plural ?? `${kind.toLowerCase()}s`,
    singular: kind.toLowerCase(),
    shortNames: short,
    group,
    versions,
    namespaced: cluster !== true,
    schema,
  })),
);
