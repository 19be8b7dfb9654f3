// The resource types of xDS v3 that Lateen speaks, in the order in which a server must send them so that nothing
// refers to what is not there yet (make before break): clusters, endpoints, listeners, routes; names last, for who finds a name calls it.

const prefix = 'type.googleapis.com/';

export const typeUrl = {
  cluster: `${prefix}envoy.config.cluster.v3.Cluster`,
  endpoint: `${prefix}envoy.config.endpoint.v3.ClusterLoadAssignment`,
  listener: `${prefix}envoy.config.listener.v3.Listener`,
  route: `${prefix}envoy.config.route.v3.RouteConfiguration`,
  secret: `${prefix}envoy.extensions.transport_sockets.tls.v3.Secret`,
  /** Istio's: what names are answered with. */
  nameTable: `${prefix}istio.networking.nds.v1.NameTable`,
} as const;

export type TypeUrl = (typeof typeUrl)[keyof typeof typeUrl];

export const pushOrder: readonly TypeUrl[] = [
  typeUrl.cluster,
  typeUrl.endpoint,
  typeUrl.listener,
  typeUrl.route,
  typeUrl.secret,
  typeUrl.nameTable,
];
