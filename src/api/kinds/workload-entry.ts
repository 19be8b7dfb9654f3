// WorkloadEntry of Istio: one workload that is not a pod, picked by the selector of a ServiceEntry.
import { type Static, Type } from '@sinclair/typebox';
import type { Kind } from '#api/kind';
import { opaque } from '../schema/field.ts';
import { objectSchema } from '../schema/metadata.ts';
import { workloadSchema } from '../schema/workload.ts';

const workloadEntrySchema = objectSchema('WorkloadEntry', { spec: workloadSchema, status: Type.Optional(opaque) });

export type Workload = Static<typeof workloadSchema>;
export type WorkloadEntry = Static<typeof workloadEntrySchema>;

export const workloadEntryKind: Kind = {
  kind: 'WorkloadEntry',
  plural: 'workloadentries',
  singular: 'workloadentry',
  shortNames: ['we'],
  group: 'networking.istio.io',
  versions: ['v1', 'v1beta1', 'v1alpha3'],
  namespaced: true,
  schema: workloadEntrySchema,
};
