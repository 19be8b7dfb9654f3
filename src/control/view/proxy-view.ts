// What one proxy may see of one snapshot: the input of translate. Views share their scopes.
import { localityOfLabels } from '#control/mesh/locality';
import { type MeshService, selects } from '#control/mesh/service';
import type { MeshSnapshot } from '#control/mesh/snapshot';
import { compareAge, type MeshGateway } from '#control/mesh/traffic-resource';
import type { MeshWorkload } from '#control/mesh/workload';
import { type InboundPort, inboundPorts } from './inbound-port.ts';
import type { MeshProxy } from './proxy.ts';
import { type SidecarScope, sidecarFor, sidecarScope, VirtualServiceIndex } from './sidecar-scope.ts';
import { type WorkloadPolicies, workloadPolicies } from './workload-policies.ts';

export interface ProxyView {
  readonly snapshot: MeshSnapshot;
  readonly proxy: MeshProxy;
  readonly labels: Readonly<Record<string, string>>;
  /** `region/zone/subzone`, or empty. */
  readonly locality: string;
  readonly scope: SidecarScope;
  /** Of `scope.meshVirtualServices`. */
  readonly meshRules: VirtualServiceIndex;
  readonly inbound: readonly InboundPort[];
  readonly policies: WorkloadPolicies;
  /** The pod, where it is known. */
  readonly workload: MeshWorkload | undefined;
  /** Services that select this workload. */
  readonly instances: readonly MeshService[];
  /** For a router: the Gateways that select it, the oldest first. */
  readonly gateways: readonly MeshGateway[];
}

/** Makes views of one configuration revision; scopes and indexes are made once for all proxies that share them. */
export class ViewFactory {
  private readonly scopes = new Map<string, { scope: SidecarScope; meshRules: VirtualServiceIndex }>();
  private readonly byAddress = new Map<string, MeshWorkload>();
  private readonly perLabels: boolean;

  constructor(private readonly snapshot: MeshSnapshot) {
    for (const workload of snapshot.workloads.values()) if (workload.address) this.byAddress.set(workload.address, workload);
    this.perLabels = [...snapshot.destinationRules.values()].some((rule) => rule.object.spec.workloadSelector);
  }

  /** `snapshot`: the factory's own, or a later one that differs in endpoints alone. */
  view(proxy: MeshProxy, snapshot = this.snapshot): ProxyView {
    const workload = this.workloadOf(proxy);
    const labels = proxy.labels ?? workload?.labels ?? {};
    const instances =
      proxy.type === 'grpc' ? [] : [...snapshot.services.values()].filter((service) => isInstance(service, proxy.namespace, labels));
    const shared = this.scope(proxy, labels);
    return {
      snapshot,
      proxy,
      labels,
      locality: proxy.locality || workload?.locality || localityOfLabels(labels),
      ...shared,
      inbound: proxy.type === 'sidecar' ? inboundPorts(instances, workload, shared.scope.sidecar) : [],
      policies: workloadPolicies(snapshot, proxy.namespace, labels),
      workload,
      instances,
      gateways:
        proxy.type === 'router'
          ? [...snapshot.gateways.values()].filter((gateway) => selects(gateway.object.spec.selector ?? {}, labels)).sort(compareAge)
          : [],
    };
  }

  private workloadOf(proxy: MeshProxy): MeshWorkload | undefined {
    const suffix = `.${proxy.namespace}`;
    const name = proxy.name.endsWith(suffix) ? proxy.name.slice(0, -suffix.length) : proxy.name;
    return this.snapshot.workloads.get(`${proxy.namespace}/${name}`) ?? (proxy.address ? this.byAddress.get(proxy.address) : undefined);
  }

  private scope(proxy: MeshProxy, labels: Readonly<Record<string, string>>) {
    const sidecar = proxy.type === 'router' ? undefined : sidecarFor(this.snapshot, proxy.namespace, labels);
    const key = [proxy.namespace, sidecar?.stamp ?? 0, this.perLabels ? JSON.stringify(Object.entries(labels).sort()) : ''].join('|');
    let shared = this.scopes.get(key);
    if (!shared) {
      const scope = sidecarScope(this.snapshot, proxy.namespace, labels, sidecar);
      shared = { scope, meshRules: new VirtualServiceIndex(scope.meshVirtualServices) };
      this.scopes.set(key, shared);
    }
    return shared;
  }
}

function isInstance(service: MeshService, namespace: string, labels: Readonly<Record<string, string>>): boolean {
  return service.namespace === namespace && service.selector !== undefined && selects(service.selector, labels);
}
