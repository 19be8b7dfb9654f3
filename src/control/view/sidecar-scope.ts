// What the clients of one namespace may see: services, the VirtualServices that bind to `mesh`, DestinationRules. Narrowed
// by the Sidecar resource that applies, if one does. Shared by every proxy for which the same Sidecar applies.
import { unixSocketPath } from '#control/mesh/endpoint';
import { hostCovers, isWildcard } from '#control/mesh/hostname';
import { isExported, type MeshService, selects } from '#control/mesh/service';
import type { ByKey, MeshSnapshot } from '#control/mesh/snapshot';
import { compareAge, type MeshSidecar, type MeshVirtualService, meshGateway } from '#control/mesh/traffic-resource';
import { DestinationRules } from './destination-rule.ts';
import { type EgressListener, egressListeners, isOfInterest, reachable } from './egress-listener.ts';

export interface SidecarScope {
  /** The same for all scopes that follow one another, as the mesh changes, for the same clients. */
  readonly lineage: object;
  readonly namespace: string;
  /** The resource that narrows it. */
  readonly sidecar: MeshSidecar | undefined;
  /** What it was made from. */
  readonly tables: ScopeTables;
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

export type ScopeTables = Pick<MeshSnapshot, 'services' | 'virtualServices' | 'destinationRules' | 'config'>;

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

/** `earlier`: for the same clients, of an earlier snapshot; what has not changed since is taken from it. */
export function sidecarScope(
  tables: ScopeTables,
  namespace: string,
  labels: Readonly<Record<string, string>>,
  sidecar: MeshSidecar | undefined,
  earlier: SidecarScope | undefined,
): SidecarScope {
  const kept = earlier?.sidecar === sidecar && earlier?.tables.config === tables.config ? earlier : undefined;
  const egress = egressListeners(sidecar?.object, namespace);
  const mode = sidecar?.object.spec.outboundTrafficPolicy?.mode ?? tables.config.outboundTrafficPolicy;
  const { services, virtualServices, destinationRules, config } = tables;
  return {
    lineage: earlier?.lineage ?? {},
    namespace,
    sidecar,
    tables: { services, virtualServices, destinationRules, config },
    boundListeners: egress.filter(
      ({ boundAt, port }) => boundAt !== undefined && (port !== undefined || unixSocketPath(boundAt) !== undefined),
    ),
    ...(kept?.tables.services === services ? visibleServices(kept) : servicesInScope(services, namespace, egress)),
    ...virtualServicesInScope(virtualServices, namespace, egress, kept),
    destinationRules:
      kept?.tables.destinationRules === destinationRules
        ? kept.destinationRules
        : new DestinationRules({ destinationRules, config }, namespace, labels),
    allowAny: mode === 'ALLOW_ANY',
  };
}

const visibleServices = ({ services, serviceByHost }: SidecarScope) => ({ services, serviceByHost });

function servicesInScope(all: ByKey<MeshService>, namespace: string, egress: readonly EgressListener[]) {
  const services = [...all.values()].flatMap(
    (service) => (isExported(service.exportTo, service.namespace, namespace) && reachable(service, egress)) || [],
  );
  services.sort((a, b) => (a.hostname < b.hostname ? -1 : 1));
  return { services, serviceByHost: new Map(services.map((service) => [service.hostname, service])) };
}

function virtualServicesInScope(
  all: ByKey<MeshVirtualService>,
  namespace: string,
  egress: readonly EgressListener[],
  earlier: SidecarScope | undefined,
): Pick<SidecarScope, 'virtualServices' | 'meshVirtualServices' | 'bySourceLabels'> {
  const { gone, fresh } = changedValues(earlier?.tables.virtualServices, all);
  const seen = fresh.filter((service) => isExported(service.exportTo, service.namespace, namespace));
  const forMesh = seen.filter((service) => service.gateways.includes(meshGateway) && isOfInterest(service, egress));
  const virtualServices = replaced(earlier?.virtualServices ?? [], gone, seen);
  return {
    virtualServices,
    meshVirtualServices: replaced(earlier?.meshVirtualServices ?? [], gone, forMesh),
    bySourceLabels: earlier?.bySourceLabels ? virtualServices.some(asksSourceLabels) : seen.some(asksSourceLabels),
  };
}

/** Of values that are shared where they have not changed. */
function changedValues<T>(before: ByKey<T> | undefined, after: ByKey<T>): { gone: ReadonlySet<T>; fresh: T[] } {
  if (before === after) return { gone: new Set(), fresh: [] };
  const gone = new Set<T>();
  const fresh: T[] = [];
  for (const [key, value] of after) {
    const known = before?.get(key);
    if (known === value) continue;
    fresh.push(value);
    if (known !== undefined) gone.add(known);
  }
  for (const [key, value] of before ?? []) if (!after.has(key)) gone.add(value);
  return { gone, fresh };
}

/** The oldest first, as `list` is. */
function replaced(list: readonly MeshVirtualService[], gone: ReadonlySet<MeshVirtualService>, fresh: readonly MeshVirtualService[]) {
  if (gone.size + fresh.length === 0) return list;
  return [...list.filter((service) => !gone.has(service)), ...fresh].sort(compareAge);
}

function asksSourceLabels({ object: { spec } }: MeshVirtualService): boolean {
  return [...(spec.http ?? []), ...(spec.tcp ?? [])].some((rule) => rule.match?.some((match) => match.sourceLabels));
}

/**
 * Hosts whose rules may differ between the two, where nothing else does that rules depend on; undefined where something does. The hosts are
 * those of VirtualServices: whole names, and wildcards.
 */
export function hostsBetween(before: SidecarScope, after: SidecarScope): ReadonlySet<string> | undefined {
  const { tables, sidecar } = before;
  const same =
    sidecar === after.sidecar &&
    tables.config === after.tables.config &&
    tables.services === after.tables.services &&
    tables.destinationRules === after.tables.destinationRules;
  if (!same) return undefined;
  const { gone, fresh } = changedValues(tables.virtualServices, after.tables.virtualServices);
  const old = [...gone].filter((service) => before.meshVirtualServices.includes(service));
  const changed = [...old, ...fresh.filter((service) => after.meshVirtualServices.includes(service))];
  return new Set(changed.flatMap(({ hosts }) => hosts));
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
