// What the clients of one namespace may see: services, the VirtualServices that bind to `mesh`, DestinationRules. Narrowed
// by the Sidecar resource that applies, if one does. Shared by every proxy for which the same Sidecar applies.
import { hostCovers, isWildcard } from '#control/mesh/hostname';
import { isExported, type MeshService, selects } from '#control/mesh/service';
import type { MeshSnapshot } from '#control/mesh/snapshot';
import { compareAge, type MeshSidecar, type MeshVirtualService, meshGateway } from '#control/mesh/traffic-resource';
import { DestinationRules } from './destination-rule.ts';
import { type EgressListener, egressListeners, isOfInterest, reachable } from './egress-listener.ts';

export interface SidecarScope {
  readonly namespace: string;
  /** The resource that narrows it. */
  readonly sidecar: MeshSidecar | undefined;
  /** Of the Sidecar: listeners to which nothing is redirected. */
  readonly boundListeners: readonly EgressListener[];
  readonly services: readonly MeshService[];
  readonly serviceByHost: ReadonlyMap<string, MeshService>;
  /** Seen from this namespace, whatever gateways they bind to; the oldest first. */
  readonly virtualServices: readonly MeshVirtualService[];
  /** Those of `virtualServices` that bind to `mesh`. */
  readonly meshVirtualServices: readonly MeshVirtualService[];
  readonly destinationRules: DestinationRules;
  readonly allowAny: boolean;
  /** Some rule asks for labels of the client: proxies that share this scope may have different routes. */
  readonly bySourceLabels: boolean;
}

/** The Sidecar for a workload: one that selects it, else its namespace's, else the root namespace's; the oldest of several. */
export function sidecarFor(snapshot: MeshSnapshot, namespace: string, labels: Readonly<Record<string, string>>): MeshSidecar | undefined {
  const sorted = [...snapshot.sidecars.values()].sort(compareAge);
  const selectorOf = (sidecar: MeshSidecar) => sidecar.object.spec.workloadSelector?.labels;
  return (
    sorted.find((sidecar) => sidecar.namespace === namespace && selects(selectorOf(sidecar) ?? { '': 'never' }, labels)) ??
    sorted.find((sidecar) => sidecar.namespace === namespace && !selectorOf(sidecar)) ??
    sorted.find((sidecar) => sidecar.namespace === snapshot.config.rootNamespace && !selectorOf(sidecar))
  );
}

export function sidecarScope(
  snapshot: MeshSnapshot,
  namespace: string,
  labels: Readonly<Record<string, string>>,
  sidecar: MeshSidecar | undefined,
): SidecarScope {
  const egress = egressListeners(sidecar?.object, namespace);
  const visible = (owner: string, exportTo: readonly string[]) => isExported(exportTo, owner, namespace);
  const services = [...snapshot.services.values()].flatMap(
    (service) => (visible(service.namespace, service.exportTo) && reachable(service, egress)) || [],
  );
  services.sort((a, b) => (a.hostname < b.hostname ? -1 : 1));
  const virtualServices = [...snapshot.virtualServices.values()]
    .filter((service) => visible(service.namespace, service.exportTo))
    .sort(compareAge);
  const mode = sidecar?.object.spec.outboundTrafficPolicy?.mode ?? snapshot.config.outboundTrafficPolicy;
  return {
    namespace,
    sidecar,
    boundListeners: egress.filter((listener) => listener.boundAt !== undefined && listener.port !== undefined),
    services,
    serviceByHost: new Map(services.map((service) => [service.hostname, service])),
    virtualServices,
    meshVirtualServices: virtualServices.filter((service) => service.gateways.includes(meshGateway) && isOfInterest(service, egress)),
    destinationRules: new DestinationRules(snapshot, namespace, labels),
    allowAny: mode === 'ALLOW_ANY',
    bySourceLabels: virtualServices.some(({ object: { spec } }) =>
      [...(spec.http ?? []), ...(spec.tcp ?? [])].some((rule) => rule.match?.some((match) => match.sourceLabels)),
    ),
  };
}

/**
 * The VirtualService that decides for a host: the one whose own host is the most specific, and of those the oldest.
 * Answers for one list of VirtualServices, the oldest first.
 */
export class VirtualServiceIndex {
  private readonly exact = new Map<string, MeshVirtualService>();
  private readonly wildcards: { host: string; service: MeshVirtualService }[] = [];

  constructor(services: readonly MeshVirtualService[]) {
    for (const service of services) {
      for (const host of service.hosts) {
        if (isWildcard(host)) this.wildcards.push({ host, service });
        else if (!this.exact.has(host)) this.exact.set(host, service);
      }
    }
    this.wildcards.sort((a, b) => b.host.length - a.host.length); // stable: age decides among equals
  }

  for(hostname: string): MeshVirtualService | undefined {
    return this.exact.get(hostname) ?? this.wildcards.find(({ host }) => hostCovers(host, hostname))?.service;
  }
}
