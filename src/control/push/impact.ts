// Which resource types a change may touch. An over-estimate is harmless: what comes out the same is not sent.
import type { MeshChanges } from '#control/mesh/snapshot';
import { type TypeUrl, typeUrl } from '#xds/resource-type';

const routes = [typeUrl.route, typeUrl.virtualHost];
const all: readonly TypeUrl[] = [typeUrl.cluster, typeUrl.endpoint, typeUrl.listener, ...routes];
const allAndNames: readonly TypeUrl[] = [...all, typeUrl.nameTable];

const touchedBy: { readonly [S in keyof MeshChanges]: readonly TypeUrl[] } = {
  services: allAndNames,
  // Clusters that DNS resolves carry their endpoints; names of headless services stand for them.
  endpoints: [typeUrl.cluster, typeUrl.endpoint, typeUrl.nameTable],
  // Clients ask for them.
  serviceAccounts: [typeUrl.cluster],
  // Listeners hold the TCP routes.
  virtualServices: [typeUrl.listener, ...routes],
  // Routes are looked at as well: they say what to hash requests by (listeners: connections), and clusters of a subset that goes away go
  // after the routes to them. Some say which secrets their clients may have.
  destinationRules: [...all, typeUrl.secret],
  gateways: [typeUrl.listener, ...routes],
  sidecars: allAndNames,
  // Whether clients speak mutual TLS is said with the endpoints, which clusters that DNS resolves carry.
  peerAuthentications: [typeUrl.cluster, typeUrl.endpoint, typeUrl.listener],
  // With clusters for keys that are fetched.
  requestAuthentications: [typeUrl.cluster, typeUrl.listener],
  authorizationPolicies: [typeUrl.listener],
  envoyFilters: [...all, typeUrl.extension],
  telemetries: [typeUrl.listener],
  // The ports of a proxy's own pod; the endpoints of others are counted by themselves.
  workloads: [typeUrl.cluster, typeUrl.listener, ...routes],
  secrets: [typeUrl.secret],
  config: allAndNames,
};

export interface Impact {
  types: ReadonlySet<TypeUrl>;
  /** Hosts whose endpoints changed, when nothing else did: a proxy that has none of their clusters is not touched. */
  onlyEndpointsOf: ReadonlySet<string> | undefined;
}

/** `spreads`: endpoints of the host are in more than the host's endpoint sets. */
export function impactOf(changes: MeshChanges, spreads: (hostname: string) => boolean): Impact {
  const touched = Object.entries(changes).filter(([, keys]) => keys.size > 0);
  const endpointsOnly = touched.every(([section]) => section === 'endpoints') && ![...changes.endpoints].some(spreads);
  if (endpointsOnly) return { types: new Set(changes.endpoints.size > 0 ? [typeUrl.endpoint] : []), onlyEndpointsOf: changes.endpoints };
  return { types: new Set(touched.flatMap(([section]) => touchedBy[section as keyof MeshChanges])), onlyEndpointsOf: undefined };
}

/** What the two together may touch. */
export function joinImpact(a: Impact | undefined, b: Impact): Impact {
  if (!a) return b;
  return {
    types: new Set([...a.types, ...b.types]),
    onlyEndpointsOf: a.onlyEndpointsOf && b.onlyEndpointsOf && new Set([...a.onlyEndpointsOf, ...b.onlyEndpointsOf]),
  };
}
