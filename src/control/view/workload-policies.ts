// Which policies hold for one workload: those of its namespace and of the root namespace that select it.

import { selects } from '#control/mesh/service';
import type { ByKey, MeshSnapshot } from '#control/mesh/snapshot';
import {
  compareAge,
  type MeshAuthorizationPolicy,
  type MeshEnvoyFilter,
  type MeshPeerAuthentication,
  type MeshRequestAuthentication,
  type MeshTelemetry,
  type PolicyResource,
} from '#control/mesh/traffic-resource';

/** Each the oldest first, but EnvoyFilters in the order in which they patch. */
export interface WorkloadPolicies {
  readonly peerAuthentications: readonly MeshPeerAuthentication[];
  readonly requestAuthentications: readonly MeshRequestAuthentication[];
  readonly authorizationPolicies: readonly MeshAuthorizationPolicy[];
  readonly envoyFilters: readonly MeshEnvoyFilter[];
  readonly telemetries: readonly MeshTelemetry[];
}

type Labels = Readonly<Record<string, string>>;

export function workloadPolicies(snapshot: MeshSnapshot, namespace: string, labels: Labels): WorkloadPolicies {
  const { rootNamespace } = snapshot.config;
  const select = <T extends PolicyResource<Selecting>>(all: ByKey<T>): T[] => {
    if (all.size === 0) return [];
    const near = [...all.values()].filter((policy) => policy.namespace === namespace || policy.namespace === rootNamespace);
    return near.filter(({ object }) => holdsFor(object, labels)).sort(compareAge);
  };
  return {
    peerAuthentications: select(snapshot.peerAuthentications),
    requestAuthentications: select(snapshot.requestAuthentications),
    authorizationPolicies: select(snapshot.authorizationPolicies),
    envoyFilters: patchOrder(select(snapshot.envoyFilters), rootNamespace),
    telemetries: select(snapshot.telemetries),
  };
}

interface Selecting {
  readonly spec?: {
    readonly selector?: { readonly matchLabels?: Labels };
    readonly workloadSelector?: { readonly labels?: Labels };
    readonly targetRef?: unknown;
    readonly targetRefs?: readonly unknown[];
  };
}

/** What refers to Gateways of the Gateway API, or to Services, is for proxies that there are none of here. */
function holdsFor({ spec }: Selecting, labels: Labels): boolean {
  if (spec?.targetRef !== undefined || spec?.targetRefs?.length) return false;
  return selects(spec?.selector?.matchLabels ?? spec?.workloadSelector?.labels ?? {}, labels);
}

/** The root namespace's first; in each, by priority. The sort is stable: age decides among equals. */
function patchOrder(filters: readonly MeshEnvoyFilter[], rootNamespace: string): MeshEnvoyFilter[] {
  const rank = ({ namespace }: MeshEnvoyFilter) => (namespace === rootNamespace ? 0 : 1);
  const priority = ({ object }: MeshEnvoyFilter) => object.spec?.priority ?? 0;
  return [...filters].sort((a, b) => rank(a) - rank(b) || priority(a) - priority(b));
}
