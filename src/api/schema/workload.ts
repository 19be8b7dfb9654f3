// A workload outside of the cluster's pods: an endpoint of a ServiceEntry, or a WorkloadEntry of its own.
import { Type } from '@sinclair/typebox';
import { message, port, uint32 } from './field.ts';

const workloadFields = {
  address: Type.String({ maxLength: 256, constraints: ['socket-absolute', 'socket-no-directory'] }),
  ports: Type.Record(Type.String(), port, { maxProperties: 128, constraints: ['port-names'] }),
  labels: Type.Record(Type.String(), Type.String(), { maxProperties: 256 }),
  network: Type.String({ maxLength: 2048 }),
  locality: Type.String({ maxLength: 2048 }),
  weight: uint32,
  serviceAccount: Type.String({ maxLength: 253 }),
};

export const workloadSchema = message(workloadFields, [], { constraints: ['address-or-network', 'socket-without-ports'] });

/** Of a WorkloadGroup: each machine brings its own address. */
export const workloadTemplateSchema = message(workloadFields, [], { constraints: ['socket-without-ports'] });
