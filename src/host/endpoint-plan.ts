// The EndpointSlice and the Endpoints of a Service from the pods that it selects. Pure.
import type { EndpointSlice } from '#api/kinds/endpoint-slice';
import type { Endpoints } from '#api/kinds/endpoints';
import type { Pod } from '#api/kinds/pod';
import type { Service, ServicePort } from '#api/kinds/service';
import { isReady } from './pod-plan.ts';

const serviceNameLabel = 'kubernetes.io/service-name';

/** Undefined for a Service without selector: its endpoints are somebody else's to write. */
export function planEndpointSlice(service: Service, pods: readonly Pod[]): EndpointSlice | undefined {
  const selector = service.spec?.selector;
  if (selector === undefined || Object.keys(selector).length === 0) return undefined;
  const namespace = service.metadata.namespace ?? 'default';
  const selected = pods.filter((pod) => selects(selector, pod) && pod.metadata.namespace === namespace && pod.status?.podIP);
  const ports = (service.spec?.ports ?? []).map((port) => ({
    name: port.name ?? '',
    port: targetPortOf(port, selected[0]),
    protocol: port.protocol ?? 'TCP',
    ...(port.appProtocol ? { appProtocol: port.appProtocol } : {}),
  }));
  return {
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: {
      name: service.metadata.name,
      namespace,
      labels: { [serviceNameLabel]: service.metadata.name },
      ownerReferences: [
        { apiVersion: 'v1', kind: 'Service', name: service.metadata.name, uid: service.metadata.uid ?? '', controller: true },
      ],
    },
    addressType: 'IPv4',
    endpoints: selected.map((pod) => {
      const terminating = pod.metadata.deletionTimestamp !== undefined;
      const ready = isReady(pod) && !terminating;
      return {
        addresses: [pod.status?.podIP ?? ''],
        conditions: { ready, serving: isReady(pod), terminating },
        // As Kubernetes: pods that name the Service as their subdomain have names below its own.
        ...(pod.spec.hostname && pod.spec.subdomain === service.metadata.name && { hostname: pod.spec.hostname }),
        targetRef: { kind: 'Pod', name: pod.metadata.name, namespace },
      };
    }),
    ports,
  };
}

/** The same in the older form, which kubectl and much else still reads. */
export function planEndpoints({ metadata, endpoints, ports = [] }: EndpointSlice): Endpoints {
  const addressesOf = (ready: boolean) =>
    endpoints
      .filter(({ conditions }) => !conditions?.terminating && (conditions?.ready ?? true) === ready)
      .map(({ addresses, hostname, targetRef }) => ({ ip: addresses[0]!, ...(hostname && { hostname }), ...(targetRef && { targetRef }) }));
  const [addresses, notReadyAddresses] = [addressesOf(true), addressesOf(false)];
  const subset = { ...(addresses.length > 0 && { addresses }), ...(notReadyAddresses.length > 0 && { notReadyAddresses }), ports };
  const subsets = Object.keys(subset).length > 1 ? [subset] : [];
  const { labels: _, ...own } = metadata;
  return { apiVersion: 'v1', kind: 'Endpoints', metadata: own, subsets } as Endpoints;
}

export function selects(selector: Readonly<Record<string, string>>, pod: Pod): boolean {
  return Object.entries(selector).every(([name, value]) => pod.metadata.labels?.[name] === value);
}

/** A named target port is looked up in the pod; without one the Service's own port counts. */
export function targetPortOf(port: ServicePort, pod: Pod | undefined): number {
  const target = port.targetPort ?? port.port;
  if (typeof target === 'number') return target;
  const named = pod?.spec?.containers.flatMap((container) => container.ports ?? []).find(({ name }) => name === target);
  return named?.containerPort ?? port.port;
}
