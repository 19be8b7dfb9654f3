// All that the control plane knows at one moment. Immutable; fold.ts makes the next one from the last, and shares with
// it what did not change, so that "the same object" means "nothing to do" everywhere below.
import type { ApiObject } from '#api/kind';
import type { Problem } from '#foundation/problem';
import type { MeshEndpoints, MeshServiceAccounts } from './endpoint.ts';
import { defaultMeshConfig, type MeshConfig } from './mesh-config.ts';
import type { MeshSecret } from './secret.ts';
import type { MeshService } from './service.ts';
import type {
  MeshAuthorizationPolicy,
  MeshDestinationRule,
  MeshEnvoyFilter,
  MeshGateway,
  MeshPeerAuthentication,
  MeshRequestAuthentication,
  MeshSidecar,
  MeshTelemetry,
  MeshVirtualService,
} from './traffic-resource.ts';
import type { MeshWorkload } from './workload.ts';

/** A Problem of an object that was accepted and cannot act, or not as written. */
export type MeshProblem = Problem & { object: string };

export type ByKey<T> = ReadonlyMap<string, T>;

export interface MeshSnapshot {
  /** Goes up with every fold that changed something. */
  readonly revision: number;
  /** Goes up only when something other than endpoints, and whose they are, changed. */
  readonly configRevision: number;
  /** The last stamp given out. */
  readonly serial: number;
  /** As it was before any ConfigMap `istio`. */
  readonly installed: MeshConfig;
  /** Of that ConfigMap; empty without one. */
  readonly configText: string;
  readonly config: MeshConfig;
  /** As the source gave them, by kind and `namespace/name`. */
  readonly objects: ByKey<ByKey<ApiObject>>;
  /** Of namespaces that `discoverySelectors` leave out, by kind and key; in no other table. */
  readonly undiscovered: ByKey<ApiObject>;
  /** By host name. */
  readonly services: ByKey<MeshService>;
  readonly endpoints: ByKey<MeshEndpoints>;
  readonly serviceAccounts: ByKey<MeshServiceAccounts>;
  /** The others by `namespace/name`. */
  readonly virtualServices: ByKey<MeshVirtualService>;
  readonly destinationRules: ByKey<MeshDestinationRule>;
  readonly gateways: ByKey<MeshGateway>;
  readonly sidecars: ByKey<MeshSidecar>;
  readonly peerAuthentications: ByKey<MeshPeerAuthentication>;
  readonly requestAuthentications: ByKey<MeshRequestAuthentication>;
  readonly authorizationPolicies: ByKey<MeshAuthorizationPolicy>;
  readonly envoyFilters: ByKey<MeshEnvoyFilter>;
  readonly telemetries: ByKey<MeshTelemetry>;
  readonly workloads: ByKey<MeshWorkload>;
  /** Those that hold what TLS needs. */
  readonly secrets: ByKey<MeshSecret>;
  /** By object: `VirtualService default/reviews`. */
  readonly problems: ByKey<readonly MeshProblem[]>;
}

/** What a fold changed: keys of the snapshot's maps. */
export interface MeshChanges {
  services: ReadonlySet<string>;
  endpoints: ReadonlySet<string>;
  serviceAccounts: ReadonlySet<string>;
  virtualServices: ReadonlySet<string>;
  destinationRules: ReadonlySet<string>;
  gateways: ReadonlySet<string>;
  sidecars: ReadonlySet<string>;
  peerAuthentications: ReadonlySet<string>;
  requestAuthentications: ReadonlySet<string>;
  authorizationPolicies: ReadonlySet<string>;
  envoyFilters: ReadonlySet<string>;
  telemetries: ReadonlySet<string>;
  workloads: ReadonlySet<string>;
  secrets: ReadonlySet<string>;
  /** `mesh`, where the mesh's configuration itself changed. */
  config: ReadonlySet<string>;
}

export function emptySnapshot(config: Partial<MeshConfig> = {}): MeshSnapshot {
  const installed = { ...defaultMeshConfig, ...config };
  return {
    revision: 0,
    configRevision: 0,
    serial: 0,
    installed,
    configText: '',
    config: installed,
    objects: new Map(),
    undiscovered: new Map(),
    services: new Map(),
    endpoints: new Map(),
    serviceAccounts: new Map(),
    virtualServices: new Map(),
    destinationRules: new Map(),
    gateways: new Map(),
    sidecars: new Map(),
    peerAuthentications: new Map(),
    requestAuthentications: new Map(),
    authorizationPolicies: new Map(),
    envoyFilters: new Map(),
    telemetries: new Map(),
    workloads: new Map(),
    secrets: new Map(),
    problems: new Map(),
  };
}
