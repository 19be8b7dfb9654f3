// From what a proxy may see to the resources that it gets: the face of this folder. Pure but for the cache of what was made.
import type { ProxyView } from '#control/view/proxy-view';
import type { Resource, ResourceSet } from '#xds/resource';
import { type TypeUrl, typeUrl } from '#xds/resource-type';
import type { Interest } from '#xds/subscription';
import { type ClusterInput, carriesEndpoints, clusterRecipe } from './cluster.ts';
import { blackHoleCluster, inboundPassthroughCluster, parseOutboundClusterName, passthroughCluster } from './cluster-name.ts';
import { type EndpointInput, endpointRecipe } from './endpoint.ts';
import { apiListener, apiRoutes } from './grpc-client.ts';
import { fixedClusterRecipe, inboundClusterRecipe } from './inbound-cluster.ts';
import { type ListenerInput, listenerRecipe } from './listener.ts';
import { gatewayListeners } from './listener-gateway.ts';
import { inboundListeners } from './listener-inbound.ts';
import { outboundListeners } from './listener-outbound.ts';
import type { ResourceCache } from './resource-cache.ts';
import { gatewayRoutes } from './route-gateway.ts';
import { httpProxyRouteConfiguration, httpProxyRoutes, outboundRoutes } from './route-outbound.ts';
import { ScopeMemo } from './scope-memo.ts';
import { secretInput, secretRecipe } from './secret.ts';

export class Translator {
  private readonly shared = new ScopeMemo();

  constructor(private readonly cache: ResourceCache) {}

  /** The resources of `type` that the proxy is to have, of those that it is interested in. */
  translate(view: ProxyView, type: TypeUrl, interest: Interest): ResourceSet {
    const resources = this.resources(view, type, interest);
    const set = new Map<string, Resource>();
    for (const resource of resources) if (interest.wildcard || interest.names.has(resource.name)) set.set(resource.name, resource);
    return set;
  }

  private resources(view: ProxyView, type: TypeUrl, interest: Interest): Iterable<Resource> {
    switch (type) {
      case typeUrl.cluster:
        return this.clusters(view);
      case typeUrl.endpoint:
        return present([...interest.names].map((name) => this.endpoints(view, name)));
      case typeUrl.listener:
        return this.listeners(view, interest).map((listener) => this.cache.make(listenerRecipe, listener));
      case typeUrl.route:
        return present([...interest.names].map((name) => this.routes(view, name)));
      case typeUrl.secret:
        return present([...interest.names].map((name) => secretInput(view, name))).map((input) => this.cache.make(secretRecipe, input));
    }
  }

  private clusters(view: ProxyView): Resource[] {
    const { proxy, snapshot, inbound } = view;
    const { connectTimeoutMs } = snapshot.config;
    const sharedKey = `clusters ${snapshot.revision} ${proxy.type === 'grpc'} ${proxy.http2}`;
    const outbound = this.shared.get(view.scope, sharedKey, () =>
      outboundClusters(view).map((input) => this.cache.make(clusterRecipe, input)),
    );
    const resources = [...outbound];
    if (proxy.type === 'grpc') return resources;
    for (const port of inbound) resources.push(this.cache.make(inboundClusterRecipe, { port, captured: proxy.captured, connectTimeoutMs }));
    const fixed = [
      blackHoleCluster,
      passthroughCluster,
      ...(proxy.type === 'sidecar' && proxy.captured ? [inboundPassthroughCluster] : []),
    ] as const;
    for (const name of fixed) resources.push(this.cache.make(fixedClusterRecipe, { name, connectTimeoutMs }));
    return resources;
  }

  private endpoints(view: ProxyView, name: string): Resource | undefined {
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
    if (view.proxy.type === 'router') return gatewayRoutes(this.cache, view, name);
    if (name !== httpProxyRoutes && !/^\d{1,5}$/.test(name)) return undefined;
    const labels = view.scope.bySourceLabels ? JSON.stringify(view.labels) : '';
    return this.shared.get(view.scope, `routes ${name} ${labels}`, () =>
      name === httpProxyRoutes ? httpProxyRouteConfiguration(this.cache, view) : outboundRoutes(this.cache, view, Number(name)),
    );
  }
}

function outboundClusters(view: ProxyView): ClusterInput[] {
  const { scope, snapshot, proxy } = view;
  const inputs: ClusterInput[] = [];
  for (const service of scope.services) {
    const rule = scope.destinationRules.for(service);
    const common = {
      service,
      rule,
      endpoints: carriesEndpoints(service) ? snapshot.endpoints.get(service.hostname) : undefined,
      grpcClient: proxy.type === 'grpc',
      http2: proxy.http2,
      connectTimeoutMs: snapshot.config.connectTimeoutMs,
    };
    for (const port of service.ports) {
      if (port.protocol === 'udp') continue;
      inputs.push({ ...common, port, subset: undefined });
      for (const subset of rule?.subsets ?? []) inputs.push({ ...common, port, subset });
    }
  }
  return inputs;
}

function endpointInput({ scope, snapshot }: ProxyView, clusterName: string): EndpointInput | undefined {
  const parsed = parseOutboundClusterName(clusterName);
  const service = parsed && scope.serviceByHost.get(parsed.host);
  const port = service?.ports.find((candidate) => candidate.number === parsed?.port);
  if (!parsed || !service || !port) return undefined;
  const endpoints = snapshot.endpoints.get(service.hostname);
  if (parsed.subset === '') return { clusterName, port, labels: undefined, endpoints };
  const subset = scope.destinationRules.for(service)?.subsets.find((candidate) => candidate.name === parsed.subset);
  return subset && { clusterName, port, labels: subset.labels ?? {}, endpoints };
}

function present<T>(values: readonly (T | undefined)[]): T[] {
  return values.filter((value): value is T => value !== undefined);
}
