// The registries as one fold sees them: finds which objects stand behind a host name, and makes its service and its
// endpoints. Indexes are built when first asked for, once per fold.
import type { EndpointSlice } from '#api/kinds/endpoint-slice';
import type { Endpoints } from '#api/kinds/endpoints';
import type { Service } from '#api/kinds/service';
import type { ServiceEntry } from '#api/kinds/service-entry';
import type { WorkloadEntry } from '#api/kinds/workload-entry';
import { allocateAddress } from './address-allocation.ts';
import type { Draft } from './draft.ts';
import {
  endpointsEndpoints,
  type FindWorkload,
  type MeshEndpoint,
  serviceEntryEndpoints,
  serviceNameLabel,
  sliceEndpoints,
} from './endpoint.ts';
import { type ServiceFacts, serviceEntryFacts, serviceFacts } from './service.ts';
import type { MeshWorkload } from './workload.ts';

export class Registry {
  private slices_: Map<string, EndpointSlice[]> | undefined;
  private entries_: Map<string, ServiceEntry[]> | undefined;
  private allocated: Set<string> | undefined;
  private addresses_: Map<string, MeshWorkload> | undefined;

  constructor(private readonly draft: Draft) {}

  /** The Kubernetes Service with this host name. */
  service(hostname: string): Service | undefined {
    const key = this.serviceKey(hostname);
    return key === undefined ? undefined : (this.table('Service')?.get(key) as Service | undefined);
  }

  /** `namespace/name` of the Service that a host name would be of. */
  serviceKey(hostname: string): string | undefined {
    const suffix = `.svc.${this.draft.base.config.domainSuffix}`;
    if (!hostname.endsWith(suffix)) return undefined;
    const [name, namespace, ...rest] = hostname.slice(0, -suffix.length).split('.');
    return name && namespace && rest.length === 0 ? `${namespace}/${name}` : undefined;
  }

  /** The oldest ServiceEntry with this host. */
  entry(hostname: string): ServiceEntry | undefined {
    if (!this.entries_) {
      this.entries_ = new Map();
      for (const entry of (this.table('ServiceEntry')?.values() ?? []) as Iterable<ServiceEntry>) {
        for (const host of entry.spec.hosts) append(this.entries_, host.toLowerCase(), entry);
      }
      for (const list of this.entries_.values()) list.sort(byAge);
    }
    return this.entries_.get(hostname)?.[0];
  }

  slices(key: string): readonly EndpointSlice[] {
    return this.sliceIndex().get(key) ?? [];
  }

  endpoints(key: string): Endpoints | undefined {
    return this.table('Endpoints')?.get(key) as Endpoints | undefined;
  }

  workloadEntries(): Iterable<WorkloadEntry> {
    return (this.table('WorkloadEntry')?.values() ?? []) as Iterable<WorkloadEntry>;
  }

  /** Hosts whose EndpointSlices refer to one of these pods (`namespace/name`). */
  *hostsOfPods(pods: ReadonlySet<string>): Iterable<string> {
    const { domainSuffix } = this.draft.base.config;
    for (const [key, slices] of this.sliceIndex()) {
      const [namespace, name] = key.split('/');
      if (slices.some((slice) => slice.endpoints.some(({ targetRef }) => targetRef && pods.has(`${namespace}/${targetRef.name}`)))) {
        yield `${name}.${namespace}.svc.${domainSuffix}`;
      }
    }
  }

  /** Hosts of ServiceEntries that select workloads. */
  *selectingHosts(): Iterable<string> {
    for (const entry of (this.table('ServiceEntry')?.values() ?? []) as Iterable<ServiceEntry>) {
      if (entry.spec.workloadSelector) yield* entry.spec.hosts.map((host) => host.toLowerCase());
    }
  }

  readonly findWorkload: FindWorkload = (namespace, reference, address) => {
    const workloads = this.draft.read('workloads');
    if (reference?.name && (reference.kind ?? 'Pod') === 'Pod') return workloads.get(`${namespace}/${reference.name}`);
    this.addresses_ ??= new Map([...workloads.values()].map((workload) => [workload.address, workload]));
    return this.addresses_.get(address);
  };

  /** The address that the host has had so far, else one that no other host has. */
  allocate(hostname: string): string | undefined {
    const services = this.draft.read('services');
    const known = services.get(hostname)?.allocatedAddress;
    if (known !== undefined) return known;
    this.allocated ??= new Set([...services.values()].flatMap(({ allocatedAddress }) => allocatedAddress ?? []));
    const address = allocateAddress(hostname, this.allocated);
    if (address !== undefined) this.allocated.add(address);
    return address;
  }

  private sliceIndex(): Map<string, EndpointSlice[]> {
    if (!this.slices_) {
      this.slices_ = new Map();
      for (const slice of (this.table('EndpointSlice')?.values() ?? []) as Iterable<EndpointSlice>) {
        const service = slice.metadata.labels?.[serviceNameLabel];
        if (service) append(this.slices_, `${slice.metadata.namespace ?? 'default'}/${service}`, slice);
      }
    }
    return this.slices_;
  }

  private table(kind: string) {
    return this.draft.read('objects').get(kind);
  }
}

/** A Kubernetes Service goes before a ServiceEntry with the same host. */
export function refreshService(draft: Draft, registry: Registry, hostname: string): void {
  const service = registry.service(hostname);
  const entry = service ? undefined : registry.entry(hostname);
  const facts: ServiceFacts | undefined = service
    ? serviceFacts(service, draft.base.config)
    : entry &&
      serviceEntryFacts(entry, draft.base.config, (host) => registry.allocate(host)).find((candidate) => candidate.hostname === hostname);
  draft.put('services', hostname, facts && ((stamp) => ({ stamp, ...facts })));
}

export function refreshEndpoints(draft: Draft, registry: Registry, hostname: string): void {
  const items = endpointsOf(draft, registry, hostname);
  draft.put('endpoints', hostname, items && ((stamp) => ({ stamp, hostname, items })));
  const names = [...new Set((items ?? []).map(({ account }) => account))].filter((name) => name !== '').sort();
  // Whoever comes back after the last one went is expected to be one of them.
  if (names.length > 0 || items === undefined)
    draft.put('serviceAccounts', hostname, names.length > 0 ? (stamp) => ({ stamp, names }) : undefined);
}

function endpointsOf(draft: Draft, registry: Registry, hostname: string): MeshEndpoint[] | undefined {
  const { clusterId } = draft.base.config;
  if (registry.service(hostname)) {
    const key = registry.serviceKey(hostname) ?? '';
    const slices = registry.slices(key);
    const endpoints = slices.length === 0 ? registry.endpoints(key) : undefined;
    if (endpoints) return endpointsEndpoints(endpoints, registry.findWorkload, clusterId);
    return slices.flatMap((slice) => sliceEndpoints(slice, registry.findWorkload, clusterId));
  }
  const entry = registry.entry(hostname);
  if (!entry) return undefined;
  const candidates = { entries: registry.workloadEntries(), workloads: draft.read('workloads').values() };
  return serviceEntryEndpoints(entry, hostname, candidates, clusterId);
}

function append<T>(index: Map<string, T[]>, key: string, value: T): void {
  const list = index.get(key);
  if (list) list.push(value);
  else index.set(key, [value]);
}

function byAge(a: ServiceEntry, b: ServiceEntry): number {
  const [left, right] = [a.metadata.creationTimestamp ?? '', b.metadata.creationTimestamp ?? ''];
  return left < right ? -1 : left > right ? 1 : 0;
}
