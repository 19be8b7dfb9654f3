// Which traffic policy holds for a cluster by its name, for who leads traffic there: routes and TCP proxies.
import type { SidecarScope } from '#control/view/sidecar-scope';
import { parseOutboundClusterName } from './cluster-name.ts';
import { type PortPolicy, portPolicy } from './traffic-policy.ts';

/** Empty where no rule is written for its host. */
export function clusterPolicy(scope: SidecarScope, cluster: string): PortPolicy {
  const parsed = parseOutboundClusterName(cluster);
  const service = parsed && scope.serviceByHost.get(parsed.host);
  const rule = service && scope.destinationRules.for(service);
  if (!parsed || !rule) return {};
  const subset = rule.subsets.find(({ name }) => name === parsed.subset);
  return portPolicy(rule, subset, parsed.port);
}
