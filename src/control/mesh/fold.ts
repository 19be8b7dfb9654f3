// Folds what a source reported into the next snapshot. Pure. First the objects are noted and what they touch is marked;
// then each marked thing is made anew, once, however many events touched it. Events that touch endpoints alone
// (pods coming and going) leave everything else as it is.
import type { ApiObject } from '#api/kind';
import { keyOf } from '#api/kind';
import type { AuthorizationPolicy } from '#api/kinds/authorization-policy';
import type { EndpointSlice } from '#api/kinds/endpoint-slice';
import type { EnvoyFilter } from '#api/kinds/envoy-filter';
import type { Gateway } from '#api/kinds/gateway';
import type { PeerAuthentication } from '#api/kinds/peer-authentication';
import type { Pod } from '#api/kinds/pod';
import type { RequestAuthentication } from '#api/kinds/request-authentication';
import type { Secret } from '#api/kinds/secret';
import type { ServiceEntry } from '#api/kinds/service-entry';
import type { Sidecar } from '#api/kinds/sidecar';
import type { Telemetry } from '#api/kinds/telemetry';
import type { SourceEvent } from '#control/sources/event';
import { meshConfigObject, reconfigured } from './configuration.ts';
import { discovered } from './discovery-scope.ts';
import { Draft } from './draft.ts';
import { serviceNameLabel } from './endpoint.ts';
import { refreshTrafficRules } from './last-good.ts';
import { Registry, refreshEndpoints, refreshService } from './registry.ts';
import { tlsSecret } from './secret.ts';
import type { MeshChanges, MeshSnapshot } from './snapshot.ts';
import { policyResource, trafficResource } from './traffic-resource.ts';
import { workloadFacts } from './workload.ts';

/** Kinds that a snapshot is made of; events of others are ignored. */
const foldedKinds: readonly string[] = [
  'Namespace',
  'Service',
  'Endpoints',
  'EndpointSlice',
  'Pod',
  'Secret',
  'VirtualService',
  'DestinationRule',
  'Gateway',
  'ServiceEntry',
  'WorkloadEntry',
  'Sidecar',
  'PeerAuthentication',
  'RequestAuthentication',
  'AuthorizationPolicy',
  'EnvoyFilter',
  'Telemetry',
];

/** `installed`: what the ConfigMap `istio` is laid over, where that has changed. */
export function fold(
  base: MeshSnapshot,
  reported: readonly SourceEvent[],
  installed = base.installed,
): { snapshot: MeshSnapshot; changes: MeshChanges } {
  const { draft, events } = prepared(base, reported, installed);
  const objects = new ObjectTables(draft);
  const marks: Marks = {
    services: new Set(),
    endpoints: new Set(),
    virtualServices: new Set(),
    destinationRules: new Set(),
    pods: new Set(),
    entrySelectors: false,
  };
  for (const event of events) {
    const kind = kindOf(event);
    const key = event.type === 'set' ? keyOf(event.object.metadata) : keyOf(event);
    const before = objects.get(kind, key);
    const after = event.type === 'set' ? event.object : undefined;
    objects.put(kind, key, after);
    mark(draft, marks, kind, key, before, after);
  }
  const registry = new Registry(draft);
  markEndpointsOfPods(marks, registry);
  for (const hostname of marks.services) refreshService(draft, registry, hostname);
  for (const hostname of marks.endpoints) refreshEndpoints(draft, registry, hostname);
  refreshTrafficRules(draft, marks);
  return { snapshot: draft.finish(), changes: draft.changed };
}

/**
 * What is to be folded: the events of namespaces that are discovered. When the mesh's configuration changes, every object is looked at
 * again: there is little that does not depend on it, and it is rare.
 */
function prepared(
  base: MeshSnapshot,
  reported: readonly SourceEvent[],
  installed: MeshSnapshot['installed'],
): { draft: Draft; events: readonly SourceEvent[] } {
  const { configuration, problems } = reconfigured(base, reported, installed);
  const { config } = configuration;
  const changed = config !== base.config;
  const folded = reported.filter((event) => foldedKinds.includes(kindOf(event)));
  const { events, undiscovered } = discovered(base, config.discoverySelectors, changed, folded);
  const same = problems === undefined && undiscovered === base.undiscovered;
  const draft = new Draft(same ? base : { ...base, ...configuration, undiscovered });
  if (problems !== undefined) draft.write('problems', meshConfigObject(base), problems.length > 0 ? problems : undefined);
  if (!changed) return { draft, events };
  draft.changed.config.add('mesh');
  const all = [...base.objects.values()].flatMap((table) => [...table.values()]);
  return { draft, events: [...all.map((each) => ({ type: 'set' as const, object: each })), ...events] };
}

const kindOf = (event: SourceEvent): string => (event.type === 'set' ? event.object.kind : event.kind);

/** The raw objects, two maps deep: the inner maps are copied once per fold as well. */
class ObjectTables {
  private readonly fresh = new Map<string, Map<string, ApiObject>>();

  constructor(private readonly draft: Draft) {}

  get(kind: string, key: string): ApiObject | undefined {
    return this.draft.read('objects').get(kind)?.get(key);
  }

  put(kind: string, key: string, object: ApiObject | undefined): void {
    let table = this.fresh.get(kind);
    if (!table) {
      table = new Map(this.draft.read('objects').get(kind));
      this.fresh.set(kind, table);
      this.draft.replaceObjects(kind, table);
    }
    if (object) table.set(key, object);
    else table.delete(key);
  }
}

/** What has to be made anew. */
interface Marks {
  /** Host names. */
  services: Set<string>;
  endpoints: Set<string>;
  /** `namespace/name`. */
  virtualServices: Set<string>;
  destinationRules: Set<string>;
  pods: Set<string>;
  /** A WorkloadEntry changed: any ServiceEntry with a selector may. */
  entrySelectors: boolean;
}

function mark(draft: Draft, marks: Marks, kind: string, key: string, before: ApiObject | undefined, after: ApiObject | undefined): void {
  const { domainSuffix } = draft.base.config;
  const [namespace = '', name = ''] = key.split('/');
  const hostOf = (service: string) => `${service}.${namespace}.svc.${domainSuffix}`;
  switch (kind) {
    case 'Service':
      marks.services.add(hostOf(name));
      marks.endpoints.add(hostOf(name));
      return;
    case 'Endpoints':
      marks.endpoints.add(hostOf(name));
      return;
    case 'EndpointSlice':
      for (const slice of [before, after] as (EndpointSlice | undefined)[]) {
        const service = slice?.metadata.labels?.[serviceNameLabel];
        if (service) marks.endpoints.add(hostOf(service));
      }
      return;
    case 'ServiceEntry':
      for (const entry of [before, after] as (ServiceEntry | undefined)[]) {
        for (const host of entry?.spec.hosts ?? []) {
          marks.services.add(host.toLowerCase());
          marks.endpoints.add(host.toLowerCase());
        }
      }
      return;
    case 'WorkloadEntry':
      marks.entrySelectors = true;
      return;
    case 'Pod': {
      const facts = after && workloadFacts(after as Pod);
      draft.put('workloads', key, facts && ((stamp) => ({ stamp, ...facts })));
      if (draft.changed.workloads.has(key)) marks.pods.add(key);
      return;
    }
    case 'Secret': {
      const secret = after && tlsSecret(after as Secret);
      draft.put('secrets', key, secret && ((stamp) => ({ stamp, ...secret })));
      return;
    }
    default:
      markTrafficResource(draft, marks, kind, key, after);
  }
}

function markTrafficResource(draft: Draft, marks: Marks, kind: string, key: string, after: ApiObject | undefined): void {
  switch (kind) {
    case 'VirtualService':
      marks.virtualServices.add(key);
      return;
    case 'DestinationRule':
      marks.destinationRules.add(key);
      return;
    case 'Gateway':
      draft.put('gateways', key, after && ((stamp) => trafficResource(after as Gateway, stamp)));
      return;
    case 'Sidecar':
      draft.put('sidecars', key, after && ((stamp) => trafficResource(after as Sidecar, stamp)));
      return;
    case 'PeerAuthentication':
      draft.put('peerAuthentications', key, after && ((stamp) => policyResource(after as PeerAuthentication, stamp)));
      return;
    case 'RequestAuthentication':
      draft.put('requestAuthentications', key, after && ((stamp) => policyResource(after as RequestAuthentication, stamp)));
      return;
    case 'AuthorizationPolicy':
      draft.put('authorizationPolicies', key, after && ((stamp) => policyResource(after as AuthorizationPolicy, stamp)));
      return;
    case 'EnvoyFilter':
      draft.put('envoyFilters', key, after && ((stamp) => policyResource(after as EnvoyFilter, stamp)));
      return;
    case 'Telemetry':
      draft.put('telemetries', key, after && ((stamp) => policyResource(after as Telemetry, stamp)));
      return;
  }
}

function markEndpointsOfPods(marks: Marks, registry: Registry): void {
  if (marks.pods.size > 0) for (const hostname of registry.hostsOfPods(marks.pods)) marks.endpoints.add(hostname);
  if (marks.pods.size > 0 || marks.entrySelectors) for (const hostname of registry.selectingHosts()) marks.endpoints.add(hostname);
}
