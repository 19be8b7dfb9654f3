// The traffic policy that holds for one port of one subset: Istio's order of precedence, made plain.
import type { Subset, TrafficPolicy } from '#api/kinds/destination-rule';
import type { MergedDestinationRule } from '#control/view/destination-rule';

export type PortPolicy = Pick<
  TrafficPolicy,
  'loadBalancer' | 'connectionPool' | 'outlierDetection' | 'tls' | 'tunnel' | 'proxyProtocol' | 'retryBudget'
>;

/** What a subset says goes before what its rule says; a port's settings stand in for all of those of the level above. */
export function portPolicy(rule: MergedDestinationRule | undefined, subset: Subset | undefined, port: number): PortPolicy {
  return { ...atPort(rule?.trafficPolicy, port), ...atPort(subset?.trafficPolicy, port) };
}

function atPort(policy: TrafficPolicy | undefined, port: number): PortPolicy {
  if (!policy) return {};
  const { loadBalancer, connectionPool, outlierDetection, tls } =
    policy.portLevelSettings?.find((item) => item.port?.number === port) ?? policy;
  return {
    ...(loadBalancer && { loadBalancer }),
    ...(connectionPool && { connectionPool }),
    ...(outlierDetection && { outlierDetection }),
    ...(tls && { tls }),
    // Of these, ports have none of their own.
    ...(policy.tunnel && { tunnel: policy.tunnel }),
    ...(policy.proxyProtocol && { proxyProtocol: policy.proxyProtocol }),
    ...(policy.retryBudget && { retryBudget: policy.retryBudget }),
  };
}
