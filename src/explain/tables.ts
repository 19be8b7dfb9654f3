// The tables that a proxy would run: what the control plane translates for it, decoded by the proxy's own decoders.
import { Cluster } from '#codec/protobuf/generated/envoy/config/cluster/v3/cluster';
import { ClusterLoadAssignment } from '#codec/protobuf/generated/envoy/config/endpoint/v3/endpoint';
import { Listener } from '#codec/protobuf/generated/envoy/config/listener/v3/listener';
import { RouteConfiguration } from '#codec/protobuf/generated/envoy/config/route/v3/route';
import { VirtualHost as EnvoyVirtualHost } from '#codec/protobuf/generated/envoy/config/route/v3/route_components';
import { ResourceCache } from '#control/translate/resource-cache';
import { Translator } from '#control/translate/translator';
import type { MeshProxy } from '#control/view/proxy';
import { ViewFactory } from '#control/view/proxy-view';
import { MeshError } from '#foundation/mesh-error';
import type { ClusterConfig, EndpointConfig } from '#proxy/config/cluster';
import { decodeCluster, decodeEndpoints } from '#proxy/config/decode-cluster';
import { decodeListener } from '#proxy/config/decode-listener';
import { decodeRouteTable, decodeVirtualHost } from '#proxy/config/decode-route';
import { decoding, type Findings } from '#proxy/config/findings';
import type { ListenerConfig } from '#proxy/config/listener';
import { RouteTable, type VirtualHost } from '#proxy/route/route-table';
import { type TypeUrl, typeUrl } from '#xds/resource-type';
import type { World } from './world.ts';

/** Looked up by name, made when first asked for. */
export interface ProxyTables {
  listeners: readonly ListenerConfig[];
  routeTable(name: string): RouteTable | undefined;
  cluster(name: string): ClusterConfig | undefined;
  endpoints(cluster: ClusterConfig): readonly EndpointConfig[];
}

/** Where serialized resources come from: a translator, or what a running proxy says that it holds. */
export interface ResourceSource {
  listeners(): Iterable<Uint8Array>;
  /** Undefined: there is none of this name. */
  bytesOf(type: TypeUrl, name: string): Uint8Array | undefined;
  /** Of a route configuration, where they can be had one by one; else `bytesOf` has them all. */
  virtualHosts?(name: string): readonly { name: string; domains: readonly string[]; bytes(): Uint8Array }[] | undefined;
}

/** Shares what proxies of one snapshot share. */
export class TableMaker {
  private readonly translator = new Translator(new ResourceCache());
  private readonly views: ViewFactory;
  private readonly patches: boolean;

  constructor({ snapshot, json }: Pick<World, 'snapshot' | 'json'>) {
    this.views = new ViewFactory(snapshot);
    this.patches = json !== undefined && snapshot.envoyFilters.size > 0;
    if (json && this.patches) this.translator.usePatches(json);
  }

  tablesOf(proxy: MeshProxy): ProxyTables {
    return proxyTables(this.sourceOf(proxy));
  }

  /** What the control plane would send. `all`: of clusters and listeners, which are sent whole. */
  sourceOf(proxy: MeshProxy): ResourceSource & { all(type: TypeUrl): ReadonlyMap<string, Uint8Array> } {
    const view = this.views.view(proxy);
    const translated = (type: TypeUrl, names?: string) =>
      this.translator.translate(view, type, { wildcard: names === undefined, names: new Set(names === undefined ? [] : [names]) });
    const all = (type: TypeUrl) => new Map([...translated(type)].map(([name, { body }]) => [name, body.value]));
    return {
      all,
      listeners: () => all(typeUrl.listener).values(),
      bytesOf: (type, name) => (type === typeUrl.listener ? translated(type) : translated(type, name)).get(name)?.body.value,
      // EnvoyFilters see the whole.
      ...(!this.patches && { virtualHosts: (name) => this.translator.virtualHosts(view, name) }),
    };
  }
}

/** Decodes by the proxy's own decoders. Throws MeshError UNDECODABLE where they refuse: what our control plane makes, our proxy takes. */
export function proxyTables({ listeners, bytesOf, virtualHosts }: ResourceSource): ProxyTables {
  const wholeTable = (name: string) =>
    decodeIfAny(bytesOf(typeUrl.route, name), (bytes, f) => decodeRouteTable(RouteConfiguration.decode(bytes), '', f));
  const tableOfHosts = (name: string, hosts: ReturnType<NonNullable<ResourceSource['virtualHosts']>>) =>
    hosts && new RouteTable(name, '', hosts.map(lazyHost));
  return {
    listeners: [...listeners()].map((bytes) => decode(bytes, (some, f) => decodeListener(Listener.decode(some), f))),
    routeTable: memo((name) => (virtualHosts === undefined ? wholeTable(name) : tableOfHosts(name, virtualHosts(name)))),
    cluster: memo((name) => decodeIfAny(bytesOf(typeUrl.cluster, name), (bytes, f) => decodeCluster(Cluster.decode(bytes), f))),
    endpoints: ({ name, discovery, endpoints }) =>
      discovery.kind === 'eds'
        ? (decodeIfAny(bytesOf(typeUrl.endpoint, discovery.serviceName || name), (bytes, f) =>
            decodeEndpoints(ClusterLoadAssignment.decode(bytes), f),
          ) ?? [])
        : endpoints,
  };
}

const noTable = RouteConfiguration.fromPartial({});

/** The host that takes a call is decoded, the thousand others are not. */
function lazyHost({ name, domains, bytes }: { name: string; domains: readonly string[]; bytes(): Uint8Array }): VirtualHost {
  let routes: VirtualHost['routes'] | undefined;
  return {
    name,
    domains: domains.map((domain) => domain.toLowerCase()),
    get routes() {
      return (routes ??= decode(bytes(), (some, f) => decodeVirtualHost(EnvoyVirtualHost.decode(some), noTable, name, f)).routes);
    },
  };
}

type Decoder<T> = (bytes: Uint8Array, findings: Findings) => T;

function decodeIfAny<T>(bytes: Uint8Array | undefined, decoder: Decoder<T>): T | undefined {
  return bytes === undefined ? undefined : decode(bytes, decoder);
}

function decode<T>(bytes: Uint8Array, decoder: Decoder<T>): T {
  const decoded = decoding((findings) => decoder(bytes, findings));
  if (decoded.ok) return decoded.value;
  throw new MeshError('UNDECODABLE', `Lateen's proxy would refuse this configuration: ${decoded.findings.join('; ')}`);
}

function memo<T>(make: (name: string) => T): (name: string) => T {
  const made = new Map<string, T>();
  return (name) => {
    if (!made.has(name)) made.set(name, make(name));
    return made.get(name)!;
  };
}
