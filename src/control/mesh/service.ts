// A service of the mesh, whichever registry it came from: a Kubernetes Service or a host of a ServiceEntry.
import type { Service } from '#api/kinds/service';
import type { ServiceEntry } from '#api/kinds/service-entry';
import { isClusterLocal } from './cluster-local.ts';
import { isWildcard } from './hostname.ts';
import type { MeshConfig } from './mesh-config.ts';
import { declaredProtocol, type Protocol, protocolOf } from './protocol.ts';

export interface MeshPort {
  name: string;
  number: number;
  protocol: Protocol;
  /** A number, or the name of a container port. */
  targetPort: number | string;
}

/**
 * How clients find the endpoints. `passthrough`: they go where the application was going; `dynamic-dns`: the name that a request has is
 * resolved when it comes.
 */
type Resolution = 'eds' | 'dns' | 'dns-round-robin' | 'dynamic-dns' | 'passthrough';

export interface MeshService {
  /** Changes whenever anything else here does; no two values of one control plane share it. */
  readonly stamp: number;
  readonly hostname: string;
  readonly name: string;
  readonly namespace: string;
  readonly kind: 'Service' | 'ServiceEntry';
  readonly external: boolean;
  /** Virtual addresses; none for headless services. */
  readonly addresses: readonly string[];
  /** Of a ServiceEntry without one: for proxies whose names are answered by us. */
  readonly allocatedAddress: string | undefined;
  readonly ports: readonly MeshPort[];
  readonly resolution: Resolution;
  /** Pods, and WorkloadEntries for a ServiceEntry, of the same namespace; undefined: endpoints are given otherwise. */
  readonly selector: Readonly<Record<string, string>> | undefined;
  /** Of the certificates that its endpoints show to clients of the mesh; none: their service accounts'. */
  readonly subjectAltNames: readonly string[];
  /** Its clients find the endpoints of their own cluster alone. */
  readonly clusterLocal: boolean;
  /** Namespaces, `.` or `*`. */
  readonly exportTo: readonly string[];
  /** For precedence: the older wins. */
  readonly createdAt: string;
}

/** Without its stamp. */
export type ServiceFacts = Omit<MeshService, 'stamp'>;

const exportToAnnotation = 'networking.istio.io/exportTo';

export function serviceFacts(service: Service, config: MeshConfig): ServiceFacts {
  const { metadata, spec } = service;
  const namespace = metadata.namespace ?? 'default';
  const headless = spec.clusterIP === 'None';
  const hostname = `${metadata.name}.${namespace}.svc.${config.domainSuffix}`;
  const addresses = headless ? [] : (spec.clusterIPs ?? [spec.clusterIP ?? '']).filter((address) => address !== '');
  return {
    hostname,
    name: metadata.name,
    namespace,
    kind: 'Service',
    external: false,
    addresses,
    allocatedAddress: undefined,
    ports: (spec.ports ?? []).map((port) => ({
      name: port.name ?? '',
      number: port.port,
      protocol: protocolOf(port),
      targetPort: port.targetPort ?? port.port,
    })),
    resolution: headless ? 'passthrough' : 'eds',
    selector: spec.selector && Object.keys(spec.selector).length > 0 ? spec.selector : undefined,
    subjectAltNames: [],
    clusterLocal: isClusterLocal(config, hostname),
    exportTo: exportToOf(
      metadata.annotations?.[exportToAnnotation]?.split(',').map((name) => name.trim()),
      config,
    ),
    createdAt: metadata.creationTimestamp ?? '',
  };
}

/** One service per host. `allocate` gives a host without address one of its own. */
export function serviceEntryFacts(
  entry: ServiceEntry,
  config: MeshConfig,
  allocate: (hostname: string) => string | undefined,
): ServiceFacts[] {
  const { metadata, spec } = entry;
  const resolutions: Record<string, Resolution> = {
    STATIC: 'eds',
    DNS: 'dns',
    DNS_ROUND_ROBIN: 'dns-round-robin',
    DYNAMIC_DNS: 'dynamic-dns',
  };
  const allocatable = isAllocatable(entry);
  return spec.hosts.map((host) => ({
    hostname: host.toLowerCase(),
    name: metadata.name,
    namespace: metadata.namespace ?? 'default',
    kind: 'ServiceEntry',
    external: spec.location !== 'MESH_INTERNAL',
    addresses: spec.addresses ?? [],
    allocatedAddress: allocatable && !isWildcard(host) ? allocate(host.toLowerCase()) : undefined,
    ports: (spec.ports ?? []).map((port) => ({
      name: port.name,
      number: port.number,
      protocol: declaredProtocol(port.protocol, port.name),
      targetPort: port.targetPort ?? port.number,
    })),
    resolution: resolutions[spec.resolution ?? 'NONE'] ?? 'passthrough',
    selector: spec.workloadSelector?.labels,
    subjectAltNames: spec.subjectAltNames ?? [],
    clusterLocal: isClusterLocal(config, host.toLowerCase()),
    exportTo: exportToOf(spec.exportTo, config),
    createdAt: metadata.creationTimestamp ?? '',
  }));
}

const autoAllocateLabel = 'networking.istio.io/enable-autoallocate-ip';

/** Who has no address, and is found by us and not where the application was going. */
function isAllocatable({ metadata, spec }: ServiceEntry): boolean {
  const { addresses = [], resolution = 'NONE' } = spec;
  return addresses.length === 0 && resolution !== 'NONE' && metadata.labels?.[autoAllocateLabel] !== 'false';
}

function exportToOf(list: readonly string[] | undefined, { defaultServiceExportTo }: MeshConfig): readonly string[] {
  return list && list.length > 0 ? list : defaultServiceExportTo;
}

/** Whether an object of `owner` that is exported to `exportTo` may be seen from `viewer`. */
export function isExported(exportTo: readonly string[], owner: string, viewer: string): boolean {
  return exportTo.some((target) => target === '*' || target === viewer || (target === '.' && owner === viewer));
}

/** True when `labels` has every pair of `selector`. */
export function selects(selector: Readonly<Record<string, string>>, labels: Readonly<Record<string, string>>): boolean {
  for (const name in selector) if (labels[name] !== selector[name]) return false;
  return true;
}
