// A workload outside of the cluster's pods: an endpoint of a ServiceEntry, or a WorkloadEntry of its own.
import { Type } from '@sinclair/typebox';
import { message, port, text, uint32 } from './field.ts';

export const workloadSchema = message({
  address: Type.String({ maxLength: 256 }),
  ports: Type.Record(Type.String(), port, { maxProperties: 128 }),
  labels: Type.Record(Type.String(), Type.String(), { maxProperties: 256 }),
  network: text,
  locality: text,
  weight: uint32,
  serviceAccount: Type.String({ maxLength: 253 }),
});
