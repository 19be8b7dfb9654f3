// From what a proxy may see to the resources that it gets: the face of this folder. Pure but for the cache of what was made.
import type { Subset } from '#api/kinds/destination-rule';
import type { CanonicalJson } from '#codec/protobuf/canonical-json';
import type { MeshPort, MeshService } from '#control/mesh/service';
import type { InboundPort } from '#control/view/inbound-port';
import { plainWorkloads } from '#control/view/mtls-mode';
import type { ProxyView } from '#control/view/proxy-view';
import { createResource, type Resource, type ResourceSet } from '#xds/resource';
import { type TypeUrl, typeUrl } from '#xds/resource-type';
import type { Interest } from '#xds/subscription';
import { type ClusterInput, carriesEndpoints, clusterRecipe } from './cluster.ts';
import { blackHoleCluster, inboundPassthroughCluster, parseOutboundClusterName, passthroughCluster } from './cluster-name.ts';
import { discoveredHosts, nextDiscoveredHosts } from './discovered-hosts.ts';
import { type EndpointInput, endpointRecipe } from './endpoint.ts';
import { apiListener, apiRoutes } from './grpc-client.ts';
import { fixedClusterRecipe, inboundClusterRecipe } from './inbound-cluster.ts';
import { jwksClusterRecipe, jwksClusters } from './jwks-cluster.ts';
import { type ListenerInput, listenerRecipe } from './listener.ts';
import { gatewayListeners } from './listener-gateway.ts';
import { inboundListeners } from './listener-inbound.ts';
import { outboundListeners } from './listener-outbound.ts';
import { localCluster, localClusterName, localClusterRecipe } from './local-cluster.ts';
import { localityBalance, localitySetting } from './locality-balance.ts';
import { parseMeshServerName } from './mutual-tls.ts';
import { nameTable, nameTableName } from './name-table.ts';
import { patchesFor } from './patch/patch.ts';
import { PatchedResources } from './patch/patched-resources.ts';
import type { ResourceCache } from './resource-cache.ts';
import { discoveredRoutesRecipe, routeConfiguration } from './route-configuration.ts';
import { countsAttempts, routeHosts } from './route-hosts.ts';
import { ScopeMemo } from './scope-memo.ts';
import { secretInput, secretRecipe } from './secret.ts';
import { sniDestinations } from './sni-passthrough.ts';
import { portPolicy } from './traffic-policy.ts';
import { trustDomains } from './trust-domain.ts';
import { virtualHostRecipe } from './virtual-host.ts';

export class Translator {
  private readonly shared = new ScopeMemo();

  /** Undefined: EnvoyFilters have no effect. */
  private patched: PatchedResources | undefined;

  constructor(private readonly cache: ResourceCache) {}

  /** From now on EnvoyFilters take effect. */
  usePatches(json: CanonicalJson): void {
    this.patched ??= new PatchedResources(json);
  }

  /** The resources of `type` that the proxy is to have, of those that it is interested in. */
  translate(view: ProxyView, type: TypeUrl, interest: Interest): ResourceSet {
    if (type === typeUrl.virtualHost) return this.discoveredHosts(view, [...interest.names]);
    const resources = this.patchedBy(view, type, this.resources(view, type, interest));
    const set = new Map<string, Resource>();
    for (const resource of resources) if (interest.wildcard || interest.names.has(resource.name)) set.set(resource.name, resource);
    return set;
  }

  private patchedBy(view: ProxyView, type: TypeUrl, resources: Iterable<Resource>): Iterable<Resource> {
    if (this.patched === undefined || view.policies.envoyFilters.length === 0 || view.proxy.type === 'grpc') return resources;
    const patches = patchesFor(view);
    return patches.key === '' ? resources : this.patched.patch(type, resources, patches, view.proxy.type === 'router');
  }

  private resources(view: ProxyView, type: TypeUrl, interest: Interest): Iterable<Resource> {
    switch (type) {
      case typeUrl.cluster:
        return this.clusters(view, interest);
      case typeUrl.endpoint:
        return present([...interest.names].map((name) => this.endpoints(view, name)));
      case typeUrl.listener:
        return this.listeners(view, interest).map((listener) => this.cache.make(listenerRecipe, listener));
      case typeUrl.route:
        return present([...interest.names].map((name) => this.routes(view, name)));
      case typeUrl.virtualHost:
        return []; // not one by one: see `discoveredHosts`
      case typeUrl.secret:
        return present([...interest.names].map((name) => secretInput(view, name))).map((input) => this.cache.make(secretRecipe, input));
      case typeUrl.extension:
        return this.patched?.extensions(patchesFor(view), interest.names, view.proxy.type === 'router') ?? [];
      case typeUrl.nameTable:
        return view.proxy.answersNames ? [this.names(view)] : [];
    }
  }

  /** Outbound clusters alone are many: of them, those asked for by name are made, or all. */
  private clusters(view: ProxyView, { wildcard, names }: Interest): Resource[] {
    const { proxy, snapshot, inbound } = view;
    const { connectTimeoutMs, tcpKeepalive } = snapshot.config;
    const make = (input: ClusterInput) => this.cache.make(clusterRecipe, input);
    const sharedKey = `clusters ${snapshot.revision} ${proxy.type} ${proxy.certified} ${placeKey(view)}`;
    const outbound = wildcard
      ? this.shared.get(view.scope, sharedKey, () => outboundClusters(view).map(make))
      : [...names].flatMap((name) => clusterInput(view, name) ?? []).map(make);
    const resources = [...outbound];
    if (proxy.type === 'grpc') return resources;
    for (const { service, port, subset } of sniDestinations(view))
      resources.push(make({ ...clusterOf(view, service, port, subset), passesTls: true }));
    for (const cluster of jwksClusters(view)) resources.push(this.cache.make(jwksClusterRecipe, cluster));
    const { captured } = proxy;
    for (const port of inbound)
      resources.push(this.cache.make(inboundClusterRecipe, { port: withRule(view, port), captured, connectTimeoutMs, tcpKeepalive }));
    const fixed = [
      blackHoleCluster,
      passthroughCluster,
      ...(proxy.type === 'sidecar' && proxy.captured ? [inboundPassthroughCluster] : []),
    ] as const;
    for (const name of fixed) resources.push(this.cache.make(fixedClusterRecipe, { name, connectTimeoutMs }));
    return resources;
  }

  private endpoints(view: ProxyView, name: string): Resource | undefined {
    if (name === localClusterName) {
      const members = localCluster(view);
      return members && this.cache.make(localClusterRecipe, members);
    }
    const input = endpointInput(view, name);
    return input && this.cache.make(endpointRecipe, input);
  }

  private listeners(view: ProxyView, { wildcard, names }: Interest): ListenerInput[] {
    const asked = [...names].flatMap((name) => apiListener(view, name) ?? []);
    if (view.proxy.type === 'grpc' || (!wildcard && asked.length === names.size)) return asked;
    const own = view.proxy.type === 'router' ? gatewayListeners(view) : [...inboundListeners(view), ...outboundListeners(view)];
    return [...own, ...asked];
  }

  private routes(view: ProxyView, name: string): Resource | undefined {
    if (name.startsWith('outbound|')) return apiRoutes(this.cache, view, name);
    if (this.discoversHosts(view)) return this.cache.make(discoveredRoutesRecipe, name);
    const make = () => {
      const hosts = routeHosts(view, name);
      return hosts && routeConfiguration(this.cache, name, hosts);
    };
    if (view.proxy.type === 'router') return make();
    return this.shared.get(view.scope, `routes ${name} ${routesKey(view)}`, make);
  }

  private names(view: ProxyView): Resource {
    const { allocatesAddresses } = view.proxy;
    return this.shared.get(view.scope, `names ${view.snapshot.revision} ${allocatesAddresses}`, () =>
      createResource(typeUrl.nameTable, nameTableName, nameTable(view)),
    );
  }

  /** EnvoyFilters may patch routes as a whole: then they travel so. */
  private discoversHosts(view: ProxyView): boolean {
    return view.proxy.virtualHostDiscovery && (view.policies.envoyFilters.length === 0 || patchesFor(view).key === '');
  }

  /** The virtual hosts of the route configurations `names`; the same set for all proxies that see the same. */
  private discoveredHosts(view: ProxyView, names: readonly string[]): ResourceSet {
    if (!this.discoversHosts(view)) return new Map();
    if (view.proxy.type === 'router') return discoveredHosts(this.cache, view, names);
    return this.shared.get<ResourceSet>(view.scope, `virtual hosts ${names.join(' ')} ${routesKey(view)}`, (earlier) => {
      return (earlier && nextDiscoveredHosts(this.cache, view, names, earlier)) ?? discoveredHosts(this.cache, view, names);
    });
  }

  /** The parts of a route configuration, each made when it is asked for: for who wants one host of a thousand. */
  virtualHosts(view: ProxyView, name: string): { name: string; domains: readonly string[]; bytes(): Uint8Array }[] | undefined {
    return routeHosts(view, name)?.map((host) => ({
      name: host.name,
      domains: host.domains,
      bytes: () => this.cache.make(virtualHostRecipe, host).body.value,
    }));
  }
}

/** Of what else routes depend on than the scope: the proxy's settings, and who calls, where some rule asks. */
function routesKey(view: ProxyView): string {
  const { scope, proxy, labels } = view;
  return `${proxy.allocatesAddresses} ${countsAttempts(view)} ${scope.bySourceLabels ? JSON.stringify(labels) : ''}`;
}

/** Of what else clusters that carry their endpoints depend on: where the client is, and what it is. */
function placeKey({ scope, locality, labels }: ProxyView): string {
  return scope.destinationRules.byClientLabels ? `${locality} ${JSON.stringify(labels)}` : locality;
}

/** Where no Sidecar says how many connections a workload takes, the DestinationRule of its service does, for them as for its clients. */
function withRule({ scope }: ProxyView, port: InboundPort): InboundPort {
  const { service, servicePort, connectionPool } = port;
  if (connectionPool || !service || !servicePort) return port;
  const ruled = portPolicy(scope.destinationRules.for(service), undefined, servicePort.number).connectionPool;
  return ruled ? { ...port, connectionPool: ruled } : port;
}

function outboundClusters(view: ProxyView): ClusterInput[] {
  return view.scope.services.flatMap((service) =>
    service.ports.flatMap((port) => {
      if (port.protocol === 'udp') return [];
      const whole = clusterOf(view, service, port, undefined);
      return [whole, ...(whole.rule?.subsets ?? []).map((subset) => clusterOf(view, service, port, subset))];
    }),
  );
}

function clusterInput(view: ProxyView, clusterName: string): ClusterInput | undefined {
  const found = findCluster(view, clusterName);
  return found && found.port.protocol !== 'udp' ? clusterOf(view, found.service, found.port, found.subset) : undefined;
}

function clusterOf(view: ProxyView, service: MeshService, port: MeshPort, subset: Subset | undefined): ClusterInput {
  const { scope, snapshot, proxy } = view;
  const rule = scope.destinationRules.for(service);
  return {
    service,
    port,
    subset,
    rule,
    ...(carriesEndpoints(service)
      ? { endpoints: snapshot.endpoints.get(service.hostname), balance: localityBalance(view, rule, subset, port.number) }
      : { endpoints: undefined, balance: undefined }),
    grpcClient: proxy.type === 'grpc',
    readsSecrets: proxy.type === 'router' || rule?.selective === true,
    localities: localitySetting(portPolicy(rule, subset, port.number), snapshot.config),
    connectTimeoutMs: snapshot.config.connectTimeoutMs,
    tcpKeepalive: snapshot.config.tcpKeepalive,
    h2Upgrade: snapshot.config.h2Upgrade,
    trustDomains: proxy.certified ? trustDomains(snapshot.config) : [],
    autoMtls: snapshot.config.autoMtls,
    plain: plainWorkloads(snapshot),
    accounts: snapshot.serviceAccounts.get(service.hostname),
    cluster: carriesEndpoints(service) ? onlyCluster(view, service) : undefined,
  };
}

/** What the name of an outbound cluster stands for; undefined where there is no such service, port or subset. */
function findCluster(
  { scope }: ProxyView,
  clusterName: string,
): { service: MeshService; port: MeshPort; subset: Subset | undefined } | undefined {
  const parsed = parseOutboundClusterName(clusterName) ?? parseMeshServerName(clusterName);
  const service = parsed && scope.serviceByHost.get(parsed.host);
  const port = service?.ports.find((candidate) => candidate.number === parsed?.port);
  if (!parsed || !service || !port) return undefined;
  if (parsed.subset === '') return { service, port, subset: undefined };
  const subset = scope.destinationRules.for(service)?.subsets.find((candidate) => candidate.name === parsed.subset);
  return subset && { service, port, subset };
}

function endpointInput(view: ProxyView, clusterName: string): EndpointInput | undefined {
  const found = findCluster(view, clusterName);
  if (!found) return undefined;
  const { service, port, subset } = found;
  return {
    clusterName,
    port,
    labels: subset && (subset.labels ?? {}),
    endpoints: view.snapshot.endpoints.get(service.hostname),
    balance: localityBalance(view, view.scope.destinationRules.for(service), subset, port.number),
    plain: plainWorkloads(view.snapshot),
    cluster: onlyCluster(view, service),
  };
}

/** Undefined: endpoints of every cluster serve. */
function onlyCluster({ proxy }: ProxyView, { clusterLocal }: MeshService): string | undefined {
  return clusterLocal ? proxy.clusterId : undefined;
}

function present<T>(values: readonly (T | undefined)[]): T[] {
  return values.filter((value): value is T => value !== undefined);
}
