// From xDS responses to the running tables, so that no request fails because of an order of updates: clusters and
// endpoints take effect at once; listeners and routes wait until no cluster lacks its endpoints, and a listener waits
// for its routes. Swap before ACK: an acknowledged revision already serves. The good part of a response is applied even
// when another part is refused; the last good version of what was refused stays.
import { Cluster } from '#codec/protobuf/generated/envoy/config/cluster/v3/cluster';
import { TypedExtensionConfig } from '#codec/protobuf/generated/envoy/config/core/v3/extension';
import { ClusterLoadAssignment } from '#codec/protobuf/generated/envoy/config/endpoint/v3/endpoint';
import { Listener } from '#codec/protobuf/generated/envoy/config/listener/v3/listener';
import { RouteConfiguration } from '#codec/protobuf/generated/envoy/config/route/v3/route';
import { VirtualHost } from '#codec/protobuf/generated/envoy/config/route/v3/route_components';
import { Secret } from '#codec/protobuf/generated/envoy/extensions/transport_sockets/tls/v3/secret';
import type { DeltaDiscoveryResponse, Resource } from '#codec/protobuf/generated/envoy/service/discovery/v3/discovery';
import { NameTable } from '#codec/protobuf/generated/istio/nds';
import type { Clock, Timer } from '#foundation/clock';
import { formatProblem, type Problem } from '#foundation/problem';
import { loadCel } from '#proxy/expression/library';
import { loadLua } from '#proxy/filters/lua/library';
import type { VirtualHost as RoutedHost, RouteTable } from '#proxy/route/route-table';
import { pushOrder, type TypeUrl, typeUrl } from '#xds/resource-type';
import { type AdsHandler, wildcard } from './ads-client.ts';
import type { ClusterConfig, EndpointConfig } from './cluster.ts';
import type { DecodeCache } from './decode-cache.ts';
import { decodeCluster, decodeEndpoints } from './decode-cluster.ts';
import { decodeExtension } from './decode-http-filter.ts';
import { decodeListener } from './decode-listener.ts';
import { decodeNameTable } from './decode-name-table.ts';
import { decodeDiscoveredHost, decodeRoutes } from './decode-route.ts';
import { decodeSecret } from './decode-tls.ts';
import { DiscoveredFilters, discoveredNames } from './discovered-filters.ts';
import { DiscoveredRoutes, routesOf } from './discovered-routes.ts';
import { type Decoded, decoding } from './findings.ts';
import { HeldResources } from './held-resources.ts';
import type { FilterChain, ListenerConfig } from './listener.ts';
import { secretNames, type TlsSecret } from './tls.ts';

/** What the applier changes. */
export interface ConfigTarget {
  setCluster(config: ClusterConfig): void;
  removeCluster(name: string): void;
  setEndpoints(clusterName: string, endpoints: readonly EndpointConfig[]): void;
  setRouteTable(table: RouteTable): void;
  removeRouteTable(name: string): void;
  setSecret(name: string, secret: TlsSecret): void;
  removeSecret(name: string): void;
  /** Undefined: names are answered by somebody else, and not asked for. */
  setNames: ((table: NameTable) => void) | undefined;
  /** Makes these all the listeners there are. */
  applyListeners(listeners: readonly ListenerConfig[]): Promise<readonly Problem[]>;
  subscribe(type: TypeUrl, names: ReadonlySet<string>): void;
}

/** How long listeners and routes wait for endpoints, and listeners for secrets, that do not come. */
const warmingMsMax = 5_000;

/** Scripts and expressions are checked as they are decoded, by machines that are not loaded before somebody has one. */
async function readyToDecode({ resources }: DeltaDiscoveryResponse): Promise<void> {
  if (resources.some(({ resource }) => resource?.value.includes('envoy.extensions.filters.http.lua.v3.'))) await loadLua();
  if (resources.some(({ resource }) => resource !== undefined && mayHaveExpressions(resource.value))) await loadCel();
}

const statsMarker = Buffer.from('type.googleapis.com/stats.PluginConfig\x12');
/** Of a stats filter's configuration that has flags alone. */
const flagBytesMax = 6;

function mayHaveExpressions(value: Buffer): boolean {
  if (value.includes('envoy.extensions.access_loggers.filters.cel.v3.')) return true;
  for (let at = value.indexOf(statsMarker); at >= 0; at = value.indexOf(statsMarker, at + statsMarker.length)) {
    // The length of the configuration follows its name.
    if ((value[at + statsMarker.length] ?? 0) > flagBytesMax) return true;
  }
  return false;
}

export class ConfigApplier implements AdsHandler {
  readonly held: ReadonlyMap<TypeUrl, HeldResources>;
  /** Names of endpoint sets that clusters wait for. */
  private readonly warming = new Set<string>();
  private readonly clusters = new Map<string, ClusterConfig>();
  /** By the name that EDS has for them, which clusters may share. */
  private readonly endpoints = new Map<string, readonly EndpointConfig[]>();
  /** As xDS wants them; those whose routes have come are `ready`. */
  private readonly wanted = new Map<string, ListenerConfig>();
  private readonly ready = new Map<string, ListenerConfig>();
  private readonly routeTables = new Set<string>();
  private readonly discovered: DiscoveredRoutes;
  /** Those that have come, that do not exist, or that were waited for in vain. */
  private readonly settledSecrets = new Set<string>();
  /** Without them no request gets through: as in Envoy, listeners wait for what the clusters name. */
  private clusterSecrets: readonly string[] = [];
  private secretWait: Timer | undefined;
  private readonly filters: DiscoveredFilters;
  private filterWait: Timer | undefined;
  private deferred: (() => void)[] = [];
  private deferral: Timer | undefined;
  private listenersSeen = false;
  private applying: Promise<readonly Problem[]> = Promise.resolve([]);
  private onReady: (() => void) | undefined;
  /** Resolves when the first listeners serve. */
  readonly serving: Promise<void>;

  constructor(
    private readonly target: ConfigTarget,
    private readonly clock: Clock,
    private readonly decodings: DecodeCache,
  ) {
    this.discovered = new DiscoveredRoutes(decodings);
    this.filters = new DiscoveredFilters(decodings);
    this.held = new Map(pushOrder.map((type) => [type, new HeldResources(type)]));
    this.serving = new Promise((resolve) => {
      this.onReady = resolve;
    });
  }

  /** Asks for everything that is not named by something else. */
  start(): void {
    this.target.subscribe(typeUrl.cluster, wildcard);
    this.target.subscribe(typeUrl.listener, wildcard);
    if (this.target.setNames !== undefined) this.target.subscribe(typeUrl.nameTable, wildcard);
  }

  close(): void {
    this.deferral?.cancel();
    this.secretWait?.cancel();
    this.filterWait?.cancel();
  }

  versions(type: TypeUrl): Record<string, string> {
    return this.held.get(type)?.versions() ?? {};
  }

  async apply(response: DeltaDiscoveryResponse): Promise<readonly string[]> {
    switch (response.typeUrl) {
      case typeUrl.cluster:
        return this.applyClusters(response);
      case typeUrl.endpoint:
        return this.applyEndpoints(response);
      case typeUrl.listener:
        await this.warm();
        await readyToDecode(response);
        return this.applyListeners(response);
      case typeUrl.route:
        await this.warm();
        await readyToDecode(response);
        return this.applyRoutes(response);
      case typeUrl.virtualHost:
        await this.warm();
        await readyToDecode(response);
        return this.applyVirtualHosts(response);
      case typeUrl.secret:
        return this.applySecrets(response);
      case typeUrl.extension:
        await readyToDecode(response);
        return this.applyFilters(response);
      case typeUrl.nameTable:
        return this.applyNames(response);
      default:
        return [`resource type ${response.typeUrl} is not known`];
    }
  }

  /** Resolves when every cluster has its endpoints, in the order of asking; at once when none is missing. */
  private warm(): Promise<void> {
    if (this.warming.size === 0 && this.deferred.length === 0) return Promise.resolve();
    return new Promise((resolve) => {
      this.deferred.push(resolve);
      this.deferral ??= this.clock.after(warmingMsMax, () => this.release());
    });
  }

  private release(): void {
    this.deferral?.cancel();
    this.deferral = undefined;
    const waiting = this.deferred;
    this.deferred = [];
    for (const resolve of waiting) resolve();
  }

  private applyClusters(response: DeltaDiscoveryResponse): readonly string[] {
    const findings = this.accept(
      typeUrl.cluster,
      response,
      (bytes) => {
        const message = Cluster.decode(bytes);
        return decoding((f) => decodeCluster(message, f));
      },
      (config) => this.setCluster(config),
    );
    for (const name of response.removedResources) {
      this.target.removeCluster(name);
      this.clusters.delete(name);
    }
    const names = new Set<string>();
    for (const { discovery } of this.clusters.values()) if (discovery.kind === 'eds') names.add(discovery.serviceName);
    for (const name of this.warming) if (!names.has(name)) this.warming.delete(name);
    // What nobody asks for any more is not kept up to date: it must come again before it is used again.
    for (const name of this.endpoints.keys()) if (!names.has(name)) this.endpoints.delete(name);
    this.target.subscribe(typeUrl.endpoint, names);
    this.subscribeSecrets();
    if (this.warming.size === 0) this.release();
    // A cluster that is gone may be the one whose secret was waited for.
    void this.swapListeners();
    return findings;
  }

  private setCluster(config: ClusterConfig): void {
    this.clusters.set(config.name, config);
    this.target.setCluster(config);
    if (config.discovery.kind !== 'eds') return;
    const { serviceName } = config.discovery;
    const known = this.endpoints.get(serviceName);
    if (known === undefined) this.warming.add(serviceName);
    else this.target.setEndpoints(config.name, known);
  }

  private setEndpoints(serviceName: string, endpoints: readonly EndpointConfig[]): void {
    this.endpoints.set(serviceName, endpoints);
    for (const { name, discovery } of this.clusters.values()) {
      if (discovery.kind === 'eds' && discovery.serviceName === serviceName) this.target.setEndpoints(name, endpoints);
    }
  }

  private applyEndpoints(response: DeltaDiscoveryResponse): readonly string[] {
    const findings = this.accept(
      typeUrl.endpoint,
      response,
      (bytes) => {
        const message = ClusterLoadAssignment.decode(bytes);
        return decoding((f) => ({ name: message.clusterName, endpoints: decodeEndpoints(message, f) }));
      },
      ({ name, endpoints }) => this.setEndpoints(name, endpoints),
    );
    for (const name of response.removedResources) this.setEndpoints(name, []);
    // Refused ones count as come: their findings say why they are empty.
    for (const { name } of response.resources) this.warming.delete(name);
    for (const name of response.removedResources) this.warming.delete(name);
    if (this.warming.size === 0) this.release();
    return findings;
  }

  private async applyListeners(response: DeltaDiscoveryResponse): Promise<readonly string[]> {
    this.listenersSeen = true;
    const findings = this.accept(
      typeUrl.listener,
      response,
      (bytes) => {
        const message = Listener.decode(bytes);
        return decoding((f) => decodeListener(message, f));
      },
      (config) => this.wanted.set(config.name, config),
    );
    for (const name of response.removedResources) this.wanted.delete(name);
    this.target.subscribe(typeUrl.route, new Set([...this.wanted.values()].flatMap(routeNames)));
    this.subscribeSecrets();
    this.subscribeFilters();
    const problems = await this.swapListeners();
    return [...findings, ...problems.map(formatProblem)];
  }

  private async applyRoutes(response: DeltaDiscoveryResponse): Promise<readonly string[]> {
    const findings = this.accept(
      typeUrl.route,
      response,
      (bytes, version) => {
        const message = RouteConfiguration.decode(bytes);
        return decoding((f) => decodeRoutes(message, version, f));
      },
      ({ table, discovers }) => {
        if (discovers) {
          this.discovered.set(table);
          return;
        }
        this.discovered.delete(table.name);
        this.useTable(table);
      },
    );
    for (const name of response.removedResources) {
      this.discovered.delete(name);
      this.target.removeRouteTable(name);
      this.routeTables.delete(name);
    }
    this.target.subscribe(typeUrl.virtualHost, this.discovered.names);
    const problems = await this.swapListeners();
    return [...findings, ...problems.map(formatProblem)];
  }

  private async applyVirtualHosts(response: DeltaDiscoveryResponse): Promise<readonly string[]> {
    const touched = new Set<string>();
    const set = (resourceName: string, host: RoutedHost | undefined) => {
      this.discovered.setHost(resourceName, host);
      touched.add(routesOf(resourceName));
    };
    const findings = this.accept(
      typeUrl.virtualHost,
      response,
      (bytes) => {
        const message = VirtualHost.decode(bytes);
        return decoding((f) => decodeDiscoveredHost(message, f));
      },
      (host, resourceName) => set(resourceName, host),
    );
    // A bare name says that its routes have no hosts.
    for (const name of response.removedResources) set(name, undefined);
    for (const name of touched) {
      const table = this.discovered.table(name);
      if (table !== undefined) this.useTable(table);
    }
    const problems = await this.swapListeners();
    return [...findings, ...problems.map(formatProblem)];
  }

  private useTable(table: RouteTable): void {
    this.target.setRouteTable(table);
    this.routeTables.add(table.name);
  }

  private async applySecrets(response: DeltaDiscoveryResponse): Promise<readonly string[]> {
    const findings = this.accept(
      typeUrl.secret,
      response,
      (bytes) => {
        const message = Secret.decode(bytes);
        return decoding((f) => {
          const secret = decodeSecret(message, f);
          return secret && { name: message.name, secret };
        });
      },
      ({ name, secret }) => this.target.setSecret(name, secret),
    );
    for (const name of response.removedResources) this.target.removeSecret(name);
    for (const { name } of response.resources) this.settledSecrets.add(name);
    for (const name of response.removedResources) this.settledSecrets.add(name);
    const problems = await this.swapListeners();
    return [...findings, ...problems.map(formatProblem)];
  }

  private async applyFilters(response: DeltaDiscoveryResponse): Promise<readonly string[]> {
    const findings = this.accept(
      typeUrl.extension,
      response,
      (bytes) => {
        const message = TypedExtensionConfig.decode(bytes);
        return decoding((f) => decodeExtension(message, f));
      },
      (filter) => this.filters.set(filter),
    );
    for (const { name } of response.resources) this.filters.settle(name);
    for (const name of response.removedResources) this.filters.delete(name);
    const problems = await this.swapListeners();
    return [...findings, ...problems.map(formatProblem)];
  }

  private subscribeFilters(): void {
    const names = new Set([...this.wanted.values()].flatMap(discoveredNames));
    this.filters.keep(names);
    this.target.subscribe(typeUrl.extension, names);
    this.filterWait?.cancel();
    const missing = this.filters.missing(names);
    this.filterWait =
      missing.length === 0
        ? undefined
        : this.clock.after(warmingMsMax, () => {
            for (const name of missing) this.filters.settle(name);
            void this.swapListeners();
          });
  }

  private applyNames(response: DeltaDiscoveryResponse): readonly string[] {
    return this.accept(
      typeUrl.nameTable,
      response,
      (bytes) => {
        const message = NameTable.decode(bytes);
        return decoding((f) => decodeNameTable(message, f));
      },
      (table) => this.target.setNames?.(table),
    );
  }

  private subscribeSecrets(): void {
    const clusters = [...this.clusters.values()].flatMap(({ tls, tlsMatches }) => [tls, ...tlsMatches.map((match) => match.tls)]);
    this.clusterSecrets = [...new Set(clusters.flatMap((tls) => (tls === undefined ? [] : secretNames(tls))))];
    const names = new Set([...[...this.wanted.values()].flatMap(listenerSecrets), ...this.clusterSecrets]);
    for (const name of this.settledSecrets) if (!names.has(name)) this.settledSecrets.delete(name);
    this.target.subscribe(typeUrl.secret, names);
    this.secretWait?.cancel();
    this.secretWait = undefined;
    const missing = [...names].filter((name) => !this.settledSecrets.has(name));
    if (missing.length === 0) return;
    // A server need not say that a secret does not exist: the rest of the listener is not to wait for it forever.
    this.secretWait = this.clock.after(warmingMsMax, () => {
      for (const name of missing) this.settledSecrets.add(name);
      void this.swapListeners();
    });
  }

  /** A wanted listener whose routes and secrets are all there takes the place of its old version; the others keep theirs. */
  private swapListeners(): Promise<readonly Problem[]> {
    let changed = false;
    for (const [name, config] of this.wanted) {
      if (!this.hasAllOf(config)) continue;
      const whole = this.filters.resolve(config);
      if (this.ready.get(name) === whole) continue;
      this.ready.set(name, whole);
      changed = true;
    }
    for (const name of this.ready.keys()) {
      if (this.wanted.has(name)) continue;
      this.ready.delete(name);
      changed = true;
    }
    if (changed) {
      const listeners = [...this.ready.values()];
      this.applying = this.applying.then(() => this.target.applyListeners(listeners));
    }
    return this.applying.then((problems) => {
      if (this.listenersSeen && this.ready.size === this.wanted.size) this.onReady?.();
      return problems;
    });
  }

  private hasAllOf(config: ListenerConfig): boolean {
    return (
      routeNames(config).every((name) => this.routeTables.has(name)) &&
      [...listenerSecrets(config), ...this.clusterSecrets].every((name) => this.settledSecrets.has(name)) &&
      this.filters.hasAllOf(config)
    );
  }

  /** Decodes each resource of a response and puts it into effect; returns what was wrong with those that could not be. */
  private accept<T>(
    type: TypeUrl,
    response: DeltaDiscoveryResponse,
    decode: (bytes: Buffer, version: string) => Decoded<T>,
    effect: (value: T, name: string) => void,
  ): string[] {
    const held = this.held.get(type)!;
    const findings: string[] = [];
    for (const resource of response.resources) {
      const { name, version } = resource;
      const bytes = bytesOf(resource);
      const decoding = this.decodings.decode(type, name, version, bytes, () => decodeSafely(() => decode(bytes, version)));
      const { decoded } = decoding;
      if (decoded.ok) {
        effect(decoded.value, name);
        held.accept({ name, decoding, updatedWallMs: this.clock.wallMs() });
      } else {
        held.reject({ name, decoding, rejectedWallMs: this.clock.wallMs(), findings: decoded.findings });
        findings.push(...decoded.findings.map((finding) => `${name}: ${finding}`));
      }
    }
    for (const name of response.removedResources) held.remove(name);
    return findings;
  }
}

function bytesOf(resource: Resource): Buffer {
  return resource.resource?.value ?? Buffer.alloc(0);
}

function decodeSafely<T>(decode: () => Decoded<T>): Decoded<T> {
  try {
    return decode();
  } catch (thrown) {
    return { ok: false, findings: [`cannot be decoded: ${thrown instanceof Error ? thrown.message : String(thrown)}`] };
  }
}

function chainsOf({ filterChains, defaultFilterChain }: ListenerConfig): readonly FilterChain[] {
  return defaultFilterChain ? [...filterChains, defaultFilterChain] : filterChains;
}

function listenerSecrets(listener: ListenerConfig): string[] {
  return chainsOf(listener).flatMap(({ tls }) => (tls === undefined ? [] : secretNames(tls)));
}

/** The route configurations that a listener's connection managers ask for by name. */
function routeNames(listener: ListenerConfig): string[] {
  return chainsOf(listener).flatMap(({ filters }) =>
    filters.flatMap((filter) =>
      filter.kind === 'http_connection_manager' && filter.http.routes.kind === 'rds' ? [filter.http.routes.name] : [],
    ),
  );
}
