// Where a service's requests can go: from EndpointSlices, Endpoints, or a ServiceEntry with its WorkloadEntries.
import type { EndpointSlice } from '#api/kinds/endpoint-slice';
import type { Endpoints } from '#api/kinds/endpoints';
import type { ServiceEntry } from '#api/kinds/service-entry';
import type { Workload, WorkloadEntry } from '#api/kinds/workload-entry';
import { formatLocality, localityOfLabels } from '#api/locality';
import { selects } from './service.ts';
import { type MeshWorkload, workloadMetadata } from './workload.ts';

export interface MeshEndpoint {
  /** An IP address; for services that DNS resolves, a host name; a Unix socket, as `unix:///path` or `unix://@name`. */
  address: string;
  /** Of a pod that has a name below its service's; else empty. */
  hostname: string;
  /** By name of the service's port; a port that is not here has its target number. */
  ports: Readonly<Record<string, number>>;
  /** False: a port that `ports` does not name is not served (EndpointSlices name them all). */
  otherPorts: boolean;
  labels: Readonly<Record<string, string>>;
  /** `region/zone/subzone`, or empty. */
  locality: string;
  weight: number;
  /** The cluster that it is in. */
  cluster: string;
  /** `namespace/service account`, which its certificate is to carry; empty when it is not known. */
  account: string;
  /** `name;namespace;canonical name;canonical revision;cluster`, or empty when no workload is known. */
  workload: string;
}

/** Of the endpoints of one host; of one that has none at the moment, of the last ones. */
export interface MeshServiceAccounts {
  readonly stamp: number;
  /** `namespace/name`, in order. */
  readonly names: readonly string[];
}

export interface MeshEndpoints {
  readonly stamp: number;
  readonly hostname: string;
  readonly items: readonly MeshEndpoint[];
}

export const serviceNameLabel = 'kubernetes.io/service-name';

/** Of an address as Istio writes it: a path, or Linux's abstract `@name`; undefined: it is no Unix socket's. */
export function unixSocketPath(address: string): string | undefined {
  return address.startsWith('unix://') ? address.slice('unix://'.length) : undefined;
}

/** Finds the pod that an address belongs to. */
export type FindWorkload = (
  namespace: string,
  reference: { kind?: string; name?: string } | undefined,
  address: string,
) => MeshWorkload | undefined;

export function sliceEndpoints(slice: EndpointSlice, find: FindWorkload, cluster: string): MeshEndpoint[] {
  const ports = Object.fromEntries((slice.ports ?? []).flatMap((port) => (port.port === undefined ? [] : [[port.name ?? '', port.port]])));
  const namespace = slice.metadata.namespace ?? 'default';
  return slice.endpoints.flatMap((endpoint) => {
    const address = endpoint.addresses[0];
    if (address === undefined || endpoint.conditions?.ready === false) return [];
    const workload = find(namespace, endpoint.targetRef, address);
    return [
      {
        ...podPart(workload, cluster),
        address,
        hostname: endpoint.hostname ?? '',
        ports,
        otherPorts: false,
        locality: workload?.locality || formatLocality(['', endpoint.zone]),
        weight: 1,
      },
    ];
  });
}

/** Of the older form, for services without slices. */
export function endpointsEndpoints(endpoints: Endpoints, find: FindWorkload, cluster: string): MeshEndpoint[] {
  const namespace = endpoints.metadata.namespace ?? 'default';
  return (endpoints.subsets ?? []).flatMap((subset) => {
    const ports = Object.fromEntries((subset.ports ?? []).map((port) => [port.name ?? '', port.port]));
    return (subset.addresses ?? []).map(({ ip, targetRef }) => {
      return { ...podPart(find(namespace, targetRef, ip), cluster), address: ip, hostname: '', ports, otherPorts: false, weight: 1 };
    });
  });
}

function podPart(
  workload: MeshWorkload | undefined,
  cluster: string,
): Pick<MeshEndpoint, 'labels' | 'locality' | 'workload' | 'cluster' | 'account'> {
  if (!workload) return { labels: {}, locality: '', workload: '', cluster, account: '' };
  return {
    cluster,
    account: `${workload.namespace}/${workload.serviceAccount}`,
    labels: workload.labels,
    locality: workload.locality,
    workload: workloadMetadata({ ...workload, name: workload.workloadName }, cluster),
  };
}

/** Of one host of a ServiceEntry: its own endpoints, else the workloads that it selects, else (with DNS) the host itself. */
export function serviceEntryEndpoints(
  entry: ServiceEntry,
  host: string,
  candidates: { entries: Iterable<WorkloadEntry>; workloads: Iterable<MeshWorkload> },
  cluster: string,
): MeshEndpoint[] {
  const { spec, metadata } = entry;
  const namespace = metadata.namespace ?? 'default';
  const selector = spec.workloadSelector?.labels;
  if (selector) {
    const found: MeshEndpoint[] = [];
    for (const workload of candidates.workloads) {
      if (workload.namespace !== namespace || workload.address === '' || !selects(selector, workload.labels)) continue;
      found.push({ ...podPart(workload, cluster), address: workload.address, hostname: '', ports: {}, otherPorts: true, weight: 1 });
    }
    for (const { metadata: meta, spec: workload } of candidates.entries) {
      if ((meta.namespace ?? 'default') !== namespace || !selects(selector, workload.labels ?? {})) continue;
      found.push(entryEndpoint(workload, meta.name, namespace, cluster));
    }
    return found;
  }
  const given = (spec.endpoints ?? []).map((workload) => entryEndpoint(workload, '', namespace, cluster));
  if (given.length > 0 || (spec.resolution !== 'DNS' && spec.resolution !== 'DNS_ROUND_ROBIN')) return given;
  return [
    { address: host, hostname: '', ports: {}, otherPorts: true, labels: {}, locality: '', weight: 1, cluster, account: '', workload: '' },
  ];
}

/** Istio's label of machines that are in another cluster than ours. */
const clusterLabel = 'topology.istio.io/cluster';

function entryEndpoint(workload: Workload, name: string, namespace: string, ownCluster: string): MeshEndpoint {
  const labels = workload.labels ?? {};
  const cluster = labels[clusterLabel] ?? ownCluster;
  return {
    address: workload.address ?? '',
    hostname: '',
    ports: workload.ports ?? {},
    otherPorts: true,
    labels,
    locality: workload.locality || localityOfLabels(labels),
    weight: workload.weight || 1,
    cluster,
    account: workload.serviceAccount ? `${namespace}/${workload.serviceAccount}` : '',
    workload: name === '' ? '' : workloadMetadata({ name, namespace, labels }, cluster),
  };
}
