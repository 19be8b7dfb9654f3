// Service of Kubernetes: a name, its ports, and the pods behind it.
import { type Static, Type } from '@sinclair/typebox';
import type { Kind } from '#api/kind';
import { conditionsSchema } from '../schema/condition.ts';
import { bool, enumOf, int32, intOrString, message, port, stringMap, text, texts } from '../schema/field.ts';
import { objectSchema } from '../schema/metadata.ts';

const servicePortSchema = message(
  {
    name: text,
    protocol: enumOf('TCP', 'UDP', 'SCTP'),
    appProtocol: text,
    port,
    targetPort: intOrString,
    nodePort: Type.Integer({ minimum: 0, maximum: 65_535 }),
  },
  ['port'],
);

const serviceSpecSchema = message({
  ports: Type.Array(servicePortSchema),
  selector: stringMap,
  type: enumOf('ClusterIP', 'NodePort', 'LoadBalancer', 'ExternalName'),
  clusterIP: text,
  clusterIPs: texts,
  externalIPs: texts,
  externalName: text,
  loadBalancerIP: text,
  loadBalancerSourceRanges: texts,
  loadBalancerClass: text,
  allocateLoadBalancerNodePorts: bool,
  externalTrafficPolicy: enumOf('Cluster', 'Local'),
  internalTrafficPolicy: enumOf('Cluster', 'Local'),
  trafficDistribution: text,
  sessionAffinity: enumOf('None', 'ClientIP'),
  sessionAffinityConfig: message({ clientIP: message({ timeoutSeconds: int32 }) }),
  healthCheckNodePort: int32,
  publishNotReadyAddresses: bool,
  ipFamilies: Type.Array(enumOf('IPv4', 'IPv6')),
  ipFamilyPolicy: enumOf('SingleStack', 'PreferDualStack', 'RequireDualStack'),
});

const ingressPortSchema = message({ port: int32, protocol: text, error: text }, ['port', 'protocol']);
const serviceStatusSchema = message({
  loadBalancer: message({ ingress: Type.Array(message({ ip: text, hostname: text, ipMode: text, ports: Type.Array(ingressPortSchema) })) }),
  conditions: conditionsSchema,
});

const serviceSchema = objectSchema('Service', { spec: serviceSpecSchema, status: Type.Optional(serviceStatusSchema) });

export type ServicePort = Static<typeof servicePortSchema>;
export type Service = Static<typeof serviceSchema>;

export const serviceKind: Kind = {
  kind: 'Service',
  plural: 'services',
  singular: 'service',
  shortNames: ['svc'],
  group: '',
  versions: ['v1'],
  namespaced: true,
  schema: serviceSchema,
};
