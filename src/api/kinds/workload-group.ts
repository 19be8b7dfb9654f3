// WorkloadGroup of Istio: what the WorkloadEntries of one group of machines have in common.
import { type Static, Type } from '@sinclair/typebox';
import type { Kind } from '#api/kind';
import { message, opaque, port, text } from '../schema/field.ts';
import { objectSchema } from '../schema/metadata.ts';
import { workloadTemplateSchema } from '../schema/workload.ts';

const names = Type.Record(Type.String(), Type.String(), { maxProperties: 256 });
const count = Type.Integer({ minimum: 0, format: 'int32' });

const probeSchema = message(
  {
    initialDelaySeconds: count,
    timeoutSeconds: count,
    periodSeconds: count,
    successThreshold: count,
    failureThreshold: count,
    httpGet: message(
      {
        path: text,
        port,
        host: text,
        scheme: Type.Unsafe<string>({ type: 'string', enum: ['', 'HTTP', 'HTTPS'] }),
        httpHeaders: Type.Array(message({ name: Type.String({ pattern: '^[-_A-Za-z0-9]+$' }), value: text })),
      },
      ['port'],
    ),
    tcpSocket: message({ host: text, port }, ['port']),
    exec: message({ command: Type.Array(Type.String({ minLength: 1 })) }, ['command']),
    grpc: message({ port, service: text }),
  },
  [],
  { atMostOne: ['httpGet', 'tcpSocket', 'exec', 'grpc'] },
);

const workloadGroupSpecSchema = message(
  { metadata: message({ labels: names, annotations: names }), template: workloadTemplateSchema, probe: probeSchema },
  ['template'],
);

const workloadGroupSchema = objectSchema('WorkloadGroup', { spec: workloadGroupSpecSchema, status: Type.Optional(opaque) });

export type WorkloadGroup = Static<typeof workloadGroupSchema>;

export const workloadGroupKind: Kind = {
  kind: 'WorkloadGroup',
  plural: 'workloadgroups',
  singular: 'workloadgroup',
  shortNames: ['wg'],
  group: 'networking.istio.io',
  versions: ['v1', 'v1beta1', 'v1alpha3'],
  namespaced: true,
  schema: workloadGroupSchema,
};
