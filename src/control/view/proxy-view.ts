// What one proxy may see of one snapshot: the input of translate. Views share their scopes.
import { localityOfLabels } from '#api/locality';
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

interface Shared {
  scope: SidecarScope;
  meshRules: VirtualServiceIndex;
}

/** Makes views of one configuration revision; scopes and indexes are made once for all proxies that share them. */
export class ViewFactory {
  private readonly scopes = new Map<string, Shared>();
  private readonly index: SnapshotIndex;
  /** Of the revision before, for what has not changed since. */
  private readonly earlier: ReadonlyMap<string, Shared>;

  constructor(
    private readonly snapshot: MeshSnapshot,
    before?: ViewFactory,
  ) {
    this.index = indexOf(snapshot, before?.index);
    this.earlier = before?.scopes ?? new Map();
  }

  /**
   * `snapshot`: the factory's own, or a later one that differs in endpoints alone. `earlier`: the proxy's view of an earlier one; what it is
   * made from and has not changed since is taken from it.
   */
  view(proxy: MeshProxy, snapshot = this.snapshot, earlier?: ProxyView): ProxyView {
    const kept = earlier?.proxy === proxy ? earlier : undefined;
    const workload = this.workloadOf(proxy);
    const labels = proxy.labels ?? workload?.labels ?? noLabels;
    const same = (...names: (keyof MeshSnapshot)[]) =>
      kept?.labels === labels && kept.workload === workload && names.every((name) => kept.snapshot[name] === snapshot[name]);
    const instances = kept && same('services') ? kept.instances : instancesOf(snapshot, proxy, labels);
    const shared = this.scope(proxy, labels);
    const { sidecar } = shared.scope;
    return {
      snapshot,
      proxy,
      labels,
      locality: proxy.locality || workload?.locality || localityOfLabels(labels),
      ...shared,
      inbound:
        kept && instances === kept.instances && same() && kept.scope.sidecar === sidecar
          ? kept.inbound
          : proxy.type === 'sidecar'
            ? inboundPorts(instances, workload, sidecar)
            : [],
      policies: kept && same('config', ...policySections) ? kept.policies : workloadPolicies(snapshot, proxy.namespace, labels),
      workload,
      instances,
      gateways: kept && same('gateways') ? kept.gateways : gatewaysOf(snapshot, proxy, labels),
    };
  }

  private workloadOf(proxy: MeshProxy): MeshWorkload | undefined {
    const suffix = `.${proxy.namespace}`;
    const name = proxy.name.endsWith(suffix) ? proxy.name.slice(0, -suffix.length) : proxy.name;
    const { snapshot, index } = this;
    return snapshot.workloads.get(`${proxy.namespace}/${name}`) ?? (proxy.address ? index.byAddress.get(proxy.address) : undefined);
  }

  private scope(proxy: MeshProxy, labels: Labels): Shared {
    const sidecar = proxy.type === 'router' ? undefined : sidecarFor(this.snapshot, proxy.namespace, labels);
    const key = [proxy.namespace, sidecar?.stamp ?? 0, this.index.perLabels ? JSON.stringify(Object.entries(labels).sort()) : ''].join('|');
    let shared = this.scopes.get(key);
    if (!shared) {
      const scope = sidecarScope(this.snapshot, proxy.namespace, labels, sidecar, this.earlier.get(key)?.scope);
      shared = { scope, meshRules: new VirtualServiceIndex(scope.meshVirtualServices) };
      this.scopes.set(key, shared);
    }
    return shared;
  }
}

type Labels = Readonly<Record<string, string>>;

const noLabels: Labels = {};

/** What `workloadPolicies` reads. */
const policySections = ['peerAuthentications', 'requestAuthentications', 'authorizationPolicies', 'envoyFilters', 'telemetries'] as const;

interface SnapshotIndex {
  readonly of: Pick<MeshSnapshot, 'workloads' | 'destinationRules'>;
  readonly byAddress: ReadonlyMap<string, MeshWorkload>;
  /** Some DestinationRule is for clients with certain labels. */
  readonly perLabels: boolean;
}

function indexOf({ workloads, destinationRules }: MeshSnapshot, before: SnapshotIndex | undefined): SnapshotIndex {
  return {
    of: { workloads, destinationRules },
    byAddress:
      before?.of.workloads === workloads
        ? before.byAddress
        : new Map([...workloads.values()].flatMap((workload) => (workload.address ? [[workload.address, workload] as const] : []))),
    perLabels:
      before?.of.destinationRules === destinationRules
        ? before.perLabels
        : [...destinationRules.values()].some((rule) => rule.object.spec.workloadSelector),
  };
}

function instancesOf({ services }: MeshSnapshot, { type, namespace }: MeshProxy, labels: Labels): readonly MeshService[] {
  return type === 'grpc' ? [] : [...services.values()].filter((service) => isInstance(service, namespace, labels));
}

function gatewaysOf({ gateways }: MeshSnapshot, { type }: MeshProxy, labels: Labels): readonly MeshGateway[] {
  if (type !== 'router') return [];
  return [...gateways.values()].filter((gateway) => selects(gateway.object.spec.selector ?? {}, labels)).sort(compareAge);
}

function isInstance(service: MeshService, namespace: string, labels: Labels): boolean {
  return service.namespace === namespace && service.selector !== undefined && selects(service.selector, labels);
}
