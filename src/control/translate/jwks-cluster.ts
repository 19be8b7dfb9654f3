// Clusters over which the keys of JWT providers are fetched: a service of the mesh, or one made for a server outside of it.
import { Cluster, Cluster_DiscoveryType } from '#codec/protobuf/generated/envoy/config/cluster/v3/cluster';
import { ClusterLoadAssignment } from '#codec/protobuf/generated/envoy/config/endpoint/v3/endpoint';
import { UpstreamTlsContext } from '#codec/protobuf/generated/envoy/extensions/transport_sockets/tls/v3/tls';
import type { ProxyView } from '#control/view/proxy-view';
import { typeUrl } from '#xds/resource-type';
import { outboundClusterName } from './cluster-name.ts';
import { bytesOf, durationOf, pack, socketAddress, tlsSocket } from './message.ts';
import { jwksUriOf } from './request-authentication.ts';
import type { Recipe } from './resource-cache.ts';

export interface JwksClusterInput {
  name: string;
  host: string;
  port: number;
  tls: boolean;
  connectTimeoutMs: number;
}

/** The name of the cluster for a URL. */
export function jwksClusterName(view: ProxyView, uri: string): string {
  const { host, port, tls, name } = serverOf(uri);
  const service = tls ? undefined : view.scope.serviceByHost.get(host);
  return service?.ports.some(({ number }) => number === port) ? outboundClusterName(port, '', host) : name;
}

/** Of those that no service of the mesh stands for. */
export function jwksClusters(view: ProxyView): JwksClusterInput[] {
  const uris = view.policies.requestAuthentications.flatMap(({ object }) =>
    (object.spec?.jwtRules ?? []).flatMap((rule) => jwksUriOf(rule) ?? []),
  );
  const { connectTimeoutMs } = view.snapshot.config;
  const servers = [...new Set(uris)].map((uri) => ({ ...serverOf(uri), connectTimeoutMs, uri }));
  const outside = servers.filter(({ name, uri }) => jwksClusterName(view, uri) === name);
  return [...new Map(outside.map(({ uri: _, ...server }) => [server.name, server])).values()];
}

function serverOf(uri: string): { name: string; host: string; port: number; tls: boolean } {
  const url = new URL(uri);
  const tls = url.protocol === 'https:';
  const port = Number(url.port) || (tls ? 443 : 80);
  return { name: `jwks|${port}||${url.hostname}${tls ? '|tls' : ''}`, host: url.hostname, port, tls };
}

export const jwksClusterRecipe: Recipe<JwksClusterInput> = {
  type: typeUrl.cluster,
  name: ({ name }) => name,
  key: ({ name, connectTimeoutMs }) => `${name} ${connectTimeoutMs}`,
  build: (input) => bytesOf(Cluster, jwksCluster(input)),
};

/** Where the system keeps the authorities that it trusts. */
const systemAuthorities = '/etc/ssl/certs/ca-certificates.crt';

function jwksCluster({ name, host, port, tls, connectTimeoutMs }: JwksClusterInput): Partial<Cluster> {
  return {
    name,
    connectTimeout: durationOf(connectTimeoutMs),
    clusterDiscoveryType: { $case: 'type', value: Cluster_DiscoveryType.STRICT_DNS },
    loadAssignment: ClusterLoadAssignment.fromPartial({
      clusterName: name,
      endpoints: [{ lbEndpoints: [{ hostIdentifier: { $case: 'endpoint', value: { address: socketAddress(host, port) } } }] }],
    }),
    ...(tls && { transportSocket: systemTrusted(host) }),
  };
}

function systemTrusted(sni: string): NonNullable<Cluster['transportSocket']> {
  const context = pack('envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext', UpstreamTlsContext, {
    sni,
    commonTlsContext: {
      validationContextType: {
        $case: 'validationContext',
        value: {
          trustedCa: { specifier: { $case: 'filename', value: systemAuthorities } },
          matchTypedSubjectAltNames: [{ sanType: 2, matcher: { matchPattern: { $case: 'exact', value: sni } } }],
        },
      },
    },
  });
  return tlsSocket(context);
}
