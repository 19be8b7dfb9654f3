// Pod of Kubernetes: on one machine, the local processes of a workload and their proxy.
import { type Static, Type } from '@sinclair/typebox';
import type { Kind } from '#api/kind';
import { conditionsSchema } from '../schema/condition.ts';
import { bool, int32, message, opaqueObject, opaqueObjects, text } from '../schema/field.ts';
import { objectSchema } from '../schema/metadata.ts';
import { podSpecSchema } from '../schema/pod-spec.ts';

const containerStateSchema = message({
  waiting: message({ reason: text, message: text }),
  running: message({ startedAt: text }),
  terminated: message({
    exitCode: int32,
    signal: int32,
    reason: text,
    message: text,
    startedAt: text,
    finishedAt: text,
    containerID: text,
  }),
});

const containerStatusSchema = message(
  {
    name: text,
    ready: bool,
    restartCount: int32,
    image: text,
    imageID: text,
    containerID: text,
    started: bool,
    state: containerStateSchema,
    lastState: containerStateSchema,
    ...{ allocatedResources: opaqueObject, allocatedResourcesStatus: opaqueObjects, resources: opaqueObject },
    ...{ volumeMounts: opaqueObjects, user: opaqueObject, stopSignal: text },
  },
  ['name'],
);

const podStatusSchema = message({
  phase: text,
  observedGeneration: Type.Integer(),
  podIP: text,
  podIPs: Type.Array(message({ ip: text })),
  hostIP: text,
  hostIPs: Type.Array(message({ ip: text })),
  nominatedNodeName: text,
  qosClass: text,
  resize: text,
  resourceClaimStatuses: opaqueObjects,
  startTime: text,
  reason: text,
  message: text,
  conditions: conditionsSchema,
  initContainerStatuses: Type.Array(containerStatusSchema),
  containerStatuses: Type.Array(containerStatusSchema),
  ephemeralContainerStatuses: Type.Array(containerStatusSchema),
});

const podSchema = objectSchema('Pod', { spec: podSpecSchema, status: Type.Optional(podStatusSchema) });

export type Pod = Static<typeof podSchema>;

export const podKind: Kind = {
  kind: 'Pod',
  plural: 'pods',
  singular: 'pod',
  shortNames: ['po'],
  group: '',
  versions: ['v1'],
  namespaced: true,
  schema: podSchema,
};
