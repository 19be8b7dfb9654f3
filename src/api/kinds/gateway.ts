// Gateway of Istio: the ports and hosts at which a gateway's proxies take traffic from outside of the mesh.
import { type Static, Type } from '@sinclair/typebox';
import type { Kind } from '#api/kind';
import { message, opaque, stringMap, text, texts } from '../schema/field.ts';
import { objectSchema } from '../schema/metadata.ts';
import { gatewayPortSchema, serverTlsSchema } from '../schema/server.ts';

const serverSchema = message(
  { name: text, port: gatewayPortSchema, bind: text, hosts: texts, tls: serverTlsSchema, defaultEndpoint: text },
  ['port', 'hosts'],
);

const gatewaySpecSchema = message({ selector: stringMap, servers: Type.Array(serverSchema) });

const gatewaySchema = objectSchema('Gateway', { spec: gatewaySpecSchema, status: Type.Optional(opaque) });

export type Gateway = Static<typeof gatewaySchema>;
export type Server = Static<typeof serverSchema>;

export const gatewayKind: Kind = {
  kind: 'Gateway',
  plural: 'gateways',
  singular: 'gateway',
  shortNames: ['gw'],
  group: 'networking.istio.io',
  versions: ['v1', 'v1beta1', 'v1alpha3'],
  namespaced: true,
  schema: gatewaySchema,
};
