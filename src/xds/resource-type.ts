// The resource types of xDS v3 that Lateen speaks, in the order in which a server must send them so that nothing
// refers to what is not there yet (make before break): clusters, endpoints, listeners, routes, the virtual hosts of routes, secrets, filters; names last,
// for who finds a name calls it.

const prefix = 'type.googleapis.com/';

export const typeUrl = {
  cluster: `${prefix}envoy.config.cluster.v3.Cluster`,
  endpoint: `${prefix}envoy.config.endpoint.v3.ClusterLoadAssignment`,
  listener: `${prefix}envoy.config.listener.v3.Listener`,
  route: `${prefix}envoy.config.route.v3.RouteConfiguration`,
  virtualHost: `${prefix}envoy.config.route.v3.VirtualHost`,
  secret: `${prefix}envoy.extensions.transport_sockets.tls.v3.Secret`,
  /** The configuration of one filter, by its name: Envoy's ECDS. */
  extension: `${prefix}envoy.config.core.v3.TypedExtensionConfig`,
  /** Istio's: what names are answered with. */
  nameTable: `${prefix}istio.networking.nds.v1.NameTable`,
} as const;

export type TypeUrl = (typeof typeUrl)[keyof typeof typeUrl];

export const pushOrder: readonly TypeUrl[] = [
  typeUrl.cluster,
  typeUrl.endpoint,
  typeUrl.listener,
  typeUrl.route,
  typeUrl.virtualHost,
  typeUrl.secret,
  typeUrl.extension,
  typeUrl.nameTable,
];

/** By what name a resource is asked for. Virtual hosts (`9080/reviews.default.svc.cluster.local:9080`) are, all at once, by that of their routes. */
export function subscribedName(type: TypeUrl, name: string): string {
  const slash = type === typeUrl.virtualHost ? name.indexOf('/') : -1;
  return slash < 0 ? name : name.slice(0, slash);
}
