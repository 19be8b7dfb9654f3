// Kinds of Kubernetes and of the Gateway API that files hold beside the mesh's own, and that analyzers read. Nothing
// of ours acts on most of them; their schemas take whatever Kubernetes takes, and name fields for who asks what there are.
import { type Static, type TProperties, type TSchema, Type } from '@sinclair/typebox';
import type { Kind } from './kind.ts';
import { bool, int32, opaqueObject, opaqueObjects, openMessage, stringMap, text, texts } from './schema/field.ts';
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
    clientConfig: openMessage({
      url: text,
      service: openMessage({ name: text, namespace: text, path: text, port: int32 }),
      caBundle: text,
    }),
    rules: opaqueObjects,
    namespaceSelector: selectorSchema,
    objectSelector: selectorSchema,
    matchConditions: opaqueObjects,
    matchPolicy: text,
    failurePolicy: text,
    reinvocationPolicy: text,
    sideEffects: text,
    timeoutSeconds: int32,
    admissionReviewVersions: texts,
  },
  ['name'],
);

const definitionVersionSchema = openMessage({
  name: text,
  served: bool,
  storage: bool,
  deprecated: bool,
  deprecationWarning: text,
  schema: openMessage({ openAPIV3Schema: opaqueObject }),
  subresources: openMessage({ status: opaqueObject, scale: opaqueObject }),
  additionalPrinterColumns: opaqueObjects,
  selectableFields: opaqueObjects,
});

const definitionSpecSchema = openMessage({
  group: text,
  names: openMessage({ kind: text, listKind: text, plural: text, singular: text, shortNames: texts, categories: texts }),
  scope: text,
  versions: Type.Array(definitionVersionSchema),
  conversion: opaqueObject,
  preserveUnknownFields: bool,
});

const spec = Type.Optional(opaqueObject);
const status = Type.Optional(opaqueObject);
const specOnlySchema = tolerant({ spec });
const specAndStatusSchema = tolerant({ spec, status });
const webhookConfigurationSchema = tolerant({ webhooks: Type.Optional(Type.Array(webhookSchema)) });
const customResourceDefinitionSchema = tolerant({ spec: Type.Optional(definitionSpecSchema), status });
const kubernetesGatewaySchema = tolerant({
  spec: Type.Optional(openMessage({ listeners: Type.Array(openMessage({ hostname: text })) })),
});

const ruleSchema = openMessage({ apiGroups: texts, resources: texts, resourceNames: texts, verbs: texts, nonResourceURLs: texts });
const subjectSchema = openMessage({ kind: text, apiGroup: text, name: text, namespace: text });
const roleSchema = tolerant({ rules: Type.Optional(Type.Array(ruleSchema)), aggregationRule: Type.Optional(opaqueObject) });
const roleBindingSchema = tolerant({
  roleRef: Type.Optional(openMessage({ apiGroup: text, kind: text, name: text })),
  subjects: Type.Optional(Type.Array(subjectSchema)),
});
const storageClassSchema = tolerant({
  provisioner: Type.Optional(text),
  parameters: Type.Optional(stringMap),
  reclaimPolicy: Type.Optional(text),
  mountOptions: Type.Optional(texts),
  allowVolumeExpansion: Type.Optional(bool),
  volumeBindingMode: Type.Optional(text),
  allowedTopologies: Type.Optional(opaqueObjects),
});

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
    { kind: 'LimitRange', short: ['limits'], schema: specOnlySchema },
    { kind: 'ResourceQuota', short: ['quota'] },
    { kind: 'ReplicationController', short: ['rc'] },
  ],
  autoscaling: [{ kind: 'HorizontalPodAutoscaler', short: ['hpa'], versions: ['v2', 'v1'] }],
  policy: [{ kind: 'PodDisruptionBudget', short: ['pdb'] }],
  'networking.k8s.io': [
    { kind: 'Ingress', short: ['ing'], plural: 'ingresses' },
    { kind: 'IngressClass', plural: 'ingressclasses', cluster: true, schema: specOnlySchema },
    { kind: 'NetworkPolicy', short: ['netpol'], plural: 'networkpolicies', schema: specOnlySchema },
  ],
  'rbac.authorization.k8s.io': [
    { kind: 'Role', schema: roleSchema },
    { kind: 'RoleBinding', schema: roleBindingSchema },
    { kind: 'ClusterRole', cluster: true, schema: roleSchema },
    { kind: 'ClusterRoleBinding', cluster: true, schema: roleBindingSchema },
  ],
  'storage.k8s.io': [{ kind: 'StorageClass', short: ['sc'], plural: 'storageclasses', cluster: true, schema: storageClassSchema }],
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
  rows.map(({ kind, plural, versions = ['v1'], cluster, schema = specAndStatusSchema, short = [] }) => ({
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
