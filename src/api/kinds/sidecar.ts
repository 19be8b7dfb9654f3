// Sidecar of Istio: what the proxies of some workloads listen for, and which hosts they get to see.
import { type Static, Type } from '@sinclair/typebox';
import type { Kind } from '#api/kind';
import { enumOf, message, opaque, text, texts } from '../schema/field.ts';
import { destinationSchema } from '../schema/http-route.ts';
import { workloadSelectorSchema } from '../schema/label-selector.ts';
import { objectSchema } from '../schema/metadata.ts';
import { serverTlsSchema, sidecarPortSchema } from '../schema/server.ts';
import { connectionPoolSchema } from '../schema/traffic-policy.ts';

const captureMode = enumOf('DEFAULT', 'IPTABLES', 'NONE');

const ingressSchema = message(
  { port: sidecarPortSchema, bind: text, captureMode, defaultEndpoint: text, tls: serverTlsSchema, connectionPool: connectionPoolSchema },
  ['port'],
);

const egressSchema = message({ port: sidecarPortSchema, bind: text, captureMode, hosts: texts }, ['hosts']);

const sidecarSpecSchema = message({
  workloadSelector: workloadSelectorSchema,
  ingress: Type.Array(ingressSchema),
  egress: Type.Array(egressSchema),
  inboundConnectionPool: connectionPoolSchema,
  outboundTrafficPolicy: message({ mode: enumOf('REGISTRY_ONLY', 'ALLOW_ANY'), egressProxy: destinationSchema }),
});

const sidecarSchema = objectSchema('Sidecar', { spec: sidecarSpecSchema, status: Type.Optional(opaque) });

export type Sidecar = Static<typeof sidecarSchema>;

export const sidecarKind: Kind = {
  kind: 'Sidecar',
  plural: 'sidecars',
  singular: 'sidecar',
  shortNames: [],
  group: 'networking.istio.io',
  versions: ['v1', 'v1beta1', 'v1alpha3'],
  namespaced: true,
  schema: sidecarSchema,
};
