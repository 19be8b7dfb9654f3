// Pod of Kubernetes: on one machine, the local processes of a workload and their proxy.
import { type Static, Type } from '@sinclair/typebox';
import type { Kind } from '#api/kind';
import { bool, int32, opaque, openMessage, text } from '../schema/field.ts';
import { objectSchema } from '../schema/metadata.ts';
import { podSpecSchema } from '../schema/pod-spec.ts';

const containerStatusSchema = openMessage(
  { name: text, ready: bool, restartCount: int32, image: text, imageID: text, started: bool, state: opaque, lastState: opaque },
  ['name'],
);

const podStatusSchema = openMessage({
  phase: text,
  podIP: text,
  podIPs: Type.Array(openMessage({ ip: text })),
  hostIP: text,
  startTime: text,
  reason: text,
  message: text,
  conditions: Type.Array(
    openMessage({ type: text, status: text, reason: text, message: text, lastTransitionTime: text }, ['type', 'status']),
  ),
  initContainerStatuses: Type.Array(containerStatusSchema),
  containerStatuses: Type.Array(containerStatusSchema),
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
