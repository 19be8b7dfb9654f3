// The Services of the cluster as who is not in the mesh meets them, which in Kubernetes is the work of kube-proxy and CoreDNS: where cluster
// IPs lead, and what names stand for. Follows Services and EndpointSlices; a burst of changes is handed on as one.
import { isIPv4 } from 'node:net';
import { type ApiObject, keyOf } from '#api/kind';
import { type EndpointSlice, endpointSliceKind } from '#api/kinds/endpoint-slice';
import { type Service, serviceKind } from '#api/kinds/service';
import type { NameLookup } from '#dns/names';
import { Backoff } from '#foundation/backoff';
import type { Clock, Timer } from '#foundation/clock';
import type { Random } from '#foundation/random';
import { Informer } from '#store/informer';
import type { Store } from '#store/store';
import type { ServiceRoute, ServiceRoutes } from './capture/service-table.ts';
import { isPublished } from './published-ports.ts';

export interface ClusterServicesOptions {
  store: Store;
  clock: Clock;
  random: Random;
  /** What has changed since it was told last. */
  changed(routes: ServiceRoutes): void;
}

const burstMs = 50;
const serviceNameLabel = 'kubernetes.io/service-name';
const clusterDomain = 'cluster.local';

export class ClusterServices {
  private readonly services: Informer;
  private readonly slices: Informer;
  /** By `namespace/service`, then by the slice's own name. */
  private readonly slicesOf = new Map<string, Map<string, EndpointSlice>>();
  private readonly dirty = new Set<string>();
  private burst: Timer | undefined;

  constructor(private readonly options: ClusterServicesOptions) {
    const backoff = () => new Backoff({ random: options.random, delayMsMin: 50, delayMsMax: 2_000 });
    const touch = ({ metadata }: ApiObject) => this.touch(keyOf(metadata));
    const synced = () => {};
    this.services = new Informer({ ...options, kind: serviceKind, backoff: backoff() }, { set: touch, delete: touch, synced });
    this.slices = new Informer(
      { ...options, kind: endpointSliceKind, backoff: backoff() },
      { set: (slice) => this.putSlice(slice as EndpointSlice), delete: (slice) => this.dropSlice(slice as EndpointSlice), synced },
    );
  }

  start(): void {
    this.services.start();
    this.slices.start();
  }

  stop(): void {
    this.services.stop();
    this.slices.stop();
    this.burst?.cancel();
  }

  /** `name`: without the last dot, however it is spelt. Services by their cluster IPs, or their endpoints where they have none; their pods. */
  lookup(name: string): NameLookup {
    const parts = name.toLowerCase().split('.');
    if (parts.slice(-2).join('.') !== clusterDomain) return { kind: 'foreign' };
    const [namespace, service, pod, ...more] = parts.slice(0, -3).reverse();
    const found = parts.at(-3) === 'svc' && more.length === 0 ? this.services.objects.get(`${namespace}/${service}`) : undefined;
    if (!found) return { kind: 'absent' };
    const { clusterIP = '', type, externalName = '' } = (found as Service).spec;
    if (type === 'ExternalName') return pod === undefined ? { kind: 'alias', name: externalName.replace(/\.$/, '') } : { kind: 'absent' };
    const ipv4 =
      isIPv4(clusterIP) && pod === undefined
        ? [clusterIP]
        : this.endpointsOf(found as Service)
            .filter(({ hostname }) => pod === undefined || hostname === pod)
            .flatMap(({ addresses }) => addresses);
    return ipv4.length > 0 || pod === undefined ? { kind: 'known', addresses: { ipv4, ipv6: [] } } : { kind: 'absent' };
  }

  /** `key`: `namespace/name`. */
  service(key: string): Service | undefined {
    return this.services.objects.get(key) as Service | undefined;
  }

  private putSlice(slice: EndpointSlice): void {
    const key = serviceOf(slice);
    const slices = this.slicesOf.get(key) ?? new Map<string, EndpointSlice>();
    this.slicesOf.set(key, slices.set(slice.metadata.name, slice));
    this.touch(key);
  }

  private dropSlice(slice: EndpointSlice): void {
    const key = serviceOf(slice);
    const slices = this.slicesOf.get(key);
    slices?.delete(slice.metadata.name);
    if (slices?.size === 0) this.slicesOf.delete(key);
    this.touch(key);
  }

  private touch(service: string): void {
    this.dirty.add(service);
    this.burst ??= this.options.clock.after(burstMs, () => {
      this.burst = undefined;
      const changes = new Map([...this.dirty].map((key) => [key, this.routesOf(key)]));
      this.dirty.clear();
      this.options.changed(changes);
    });
  }

  private routesOf(key: string): ServiceRoute[] {
    const service = this.service(key);
    const { clusterIP: address = '', ports = [], sessionAffinity } = service?.spec ?? {};
    const sticky = sessionAffinity === 'ClientIP';
    if (!service || !isIPv4(address)) return [];
    // Of one that is published, the workload's own proxy listens at them.
    const opensNodePorts = !isPublished(service);
    const slices = [...(this.slicesOf.get(key)?.values() ?? [])];
    return ports.flatMap(({ name = '', port, protocol = 'TCP', nodePort }) => {
      if (protocol === 'SCTP') return [];
      const endpoints = slices.flatMap((slice) => {
        const target = slice.ports?.find((each) => (each.name ?? '') === name && (each.protocol ?? 'TCP') === protocol)?.port;
        return target === undefined
          ? []
          : readyOf(slice).flatMap(({ addresses }) => addresses.map((each) => ({ address: each, port: target })));
      });
      return [
        {
          address,
          protocol: protocol === 'UDP' ? 'udp' : 'tcp',
          port,
          ...(nodePort && opensNodePorts && { nodePort }),
          ...(sticky && { sticky }),
          endpoints,
        } as const,
      ];
    });
  }

  private endpointsOf({ metadata }: Service) {
    return [...(this.slicesOf.get(keyOf(metadata))?.values() ?? [])].flatMap(readyOf);
  }
}

/** Kubernetes: what does not say whether it is ready is. */
const readyOf = ({ addressType, endpoints }: EndpointSlice) =>
  addressType === 'IPv4' ? endpoints.filter(({ conditions }) => conditions?.ready !== false) : [];

const serviceOf = ({ metadata: { labels, namespace } }: EndpointSlice) => `${namespace}/${labels?.[serviceNameLabel] ?? ''}`;
