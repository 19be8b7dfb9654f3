// The tables that a proxy would run: what the control plane translates for it, decoded by the proxy's own decoders.
import { Cluster } from '#codec/protobuf/generated/envoy/config/cluster/v3/cluster';
import { ClusterLoadAssignment } from '#codec/protobuf/generated/envoy/config/endpoint/v3/endpoint';
import { Listener } from '#codec/protobuf/generated/envoy/config/listener/v3/listener';
import { RouteConfiguration } from '#codec/protobuf/generated/envoy/config/route/v3/route';
import type { MeshSnapshot } from '#control/mesh/snapshot';
import { ResourceCache } from '#control/translate/resource-cache';
import { Translator } from '#control/translate/translator';
import type { MeshProxy } from '#control/view/proxy';
import { ViewFactory } from '#control/view/proxy-view';
import type { ClusterConfig, EndpointConfig } from '#proxy/config/cluster';
import { decodeCluster, decodeEndpoints } from '#proxy/config/decode-cluster';
import { decodeListener } from '#proxy/config/decode-listener';
import { decodeRouteTable } from '#proxy/config/decode-route';
import { type Decoded, decoding, type Findings } from '#proxy/config/findings';
import type { ListenerConfig } from '#proxy/config/listener';
import type { RouteTable } from '#proxy/route/route-table';
import { type TypeUrl, typeUrl } from '#xds/resource-type';

/** Looked up by name, made when first asked for. */
export interface ProxyTables {
  listeners: readonly ListenerConfig[];
  routeTable(name: string): RouteTable | undefined;
  cluster(name: string): ClusterConfig | undefined;
  endpoints(cluster: ClusterConfig): readonly EndpointConfig[];
}

/** Shares what proxies of one snapshot share. */
export class TableMaker {
  private readonly translator = new Translator(new ResourceCache());
  private readonly views: ViewFactory;

  constructor(snapshot: MeshSnapshot) {
    this.views = new ViewFactory(snapshot);
  }

  tablesOf(proxy: MeshProxy): ProxyTables {
    const view = this.views.view(proxy);
    const all = { wildcard: true, names: new Set<string>() };
    const named = (type: TypeUrl, name: string) =>
      this.translator.translate(view, type, { wildcard: false, names: new Set([name]) }).get(name)?.body.value;
    const clusters = once(() => this.translator.translate(view, typeUrl.cluster, all));
    const listeners = [...this.translator.translate(view, typeUrl.listener, all).values()].map(({ body }) =>
      decodedValue(decoding((findings) => decodeListener(Listener.decode(body.value), findings))),
    );
    return {
      listeners,
      routeTable: memo((name) =>
        decode(named(typeUrl.route, name), (bytes, f) => decodeRouteTable(RouteConfiguration.decode(bytes), '', f)),
      ),
      cluster: memo((name) => decode(clusters().get(name)?.body.value, (bytes, f) => decodeCluster(Cluster.decode(bytes), f))),
      endpoints: ({ name, discovery, endpoints }) =>
        discovery.kind === 'eds'
          ? (decode(named(typeUrl.endpoint, discovery.serviceName || name), (bytes, f) =>
              decodeEndpoints(ClusterLoadAssignment.decode(bytes), f),
            ) ?? [])
          : endpoints,
    };
  }
}

function decode<T>(bytes: Buffer | undefined, decoder: (bytes: Buffer, findings: Findings) => T): T | undefined {
  return bytes === undefined ? undefined : decodedValue(decoding((findings) => decoder(bytes, findings)));
}

/** What our control plane makes, our proxy takes: anything else is a bug. */
function decodedValue<T>(decoded: Decoded<T>): T {
  if (decoded.ok) return decoded.value;
  throw new Error(`bug: the proxy refuses its configuration: ${decoded.findings.join('; ')}`);
}

function once<T>(make: () => T): () => T {
  let made: { value: T } | undefined;
  return () => (made ??= { value: make() }).value;
}

function memo<T>(make: (name: string) => T): (name: string) => T {
  const made = new Map<string, T>();
  return (name) => {
    if (!made.has(name)) made.set(name, make(name));
    return made.get(name)!;
  };
}
