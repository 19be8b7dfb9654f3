// VirtualService of Istio: where the requests for a host go. The first rule that matches decides.
import { type Static, Type } from '@sinclair/typebox';
import type { Kind } from '#api/kind';
import { int32, message, opaque, port, stringMap, text, texts } from '../schema/field.ts';
import { destinationSchema, httpRouteSchema, type stringMatchSchema } from '../schema/http-route.ts';
import { objectSchema } from '../schema/metadata.ts';

const l4RouteSchema = Type.Array(message({ destination: destinationSchema, weight: int32 }, ['destination']));

const l4MatchFields = { destinationSubnets: texts, port, sourceLabels: stringMap, gateways: texts, sourceNamespace: text };

const tcpRouteSchema = message({ match: Type.Array(message({ ...l4MatchFields, sourceSubnet: text })), route: l4RouteSchema });

const tlsRouteSchema = message({ match: Type.Array(message({ ...l4MatchFields, sniHosts: texts }, ['sniHosts'])), route: l4RouteSchema }, [
  'match',
]);

const virtualServiceSpecSchema = message({
  hosts: texts,
  gateways: texts,
  http: Type.Array(httpRouteSchema),
  tls: Type.Array(tlsRouteSchema),
  tcp: Type.Array(tcpRouteSchema),
  exportTo: texts,
});

const virtualServiceSchema = objectSchema('VirtualService', { spec: virtualServiceSpecSchema, status: Type.Optional(opaque) });

export type VirtualService = Static<typeof virtualServiceSchema>;
export type HttpRoute = Static<typeof httpRouteSchema>;
export type HttpMatch = NonNullable<HttpRoute['match']>[number];
export type TlsRoute = Static<typeof tlsRouteSchema>;
export type TcpRoute = Static<typeof tcpRouteSchema>;
export type Destination = Static<typeof destinationSchema>;
export type StringMatch = Static<typeof stringMatchSchema>;

export const virtualServiceKind: Kind = {
  kind: 'VirtualService',
  plural: 'virtualservices',
  singular: 'virtualservice',
  shortNames: ['vs'],
  group: 'networking.istio.io',
  versions: ['v1', 'v1beta1', 'v1alpha3'],
  namespaced: true,
  schema: virtualServiceSchema,
};
