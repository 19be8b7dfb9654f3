// The traffic policy that holds for one port of one subset: Istio's order of precedence, made plain.
import type { Subset, TrafficPolicy } from '#api/kinds/destination-rule';
import type { MergedDestinationRule } from '#control/view/destination-rule';

export type PortPolicy = Pick<
  TrafficPolicy,
  'loadBalancer' | 'connectionPool' | 'outlierDetection' | 'tls' | 'tunnel' | 'proxyProtocol' | 'retryBudget'
>;

/** What a subset says goes before what its rule says; a port's settings stand in for all of those of the level above. */
export function portPolicy(rule: MergedDestinationRule | undefined, subset: Subset | undefined, port: number): PortPolicy {
  const ofRule = atPort(rule?.trafficPolicy, port);
  return { ...(portSettings(subset?.trafficPolicy, port) ? forAllPorts(ofRule) : ofRule), ...atPort(subset?.trafficPolicy, port) };
}

function portSettings(policy: TrafficPolicy | undefined, port: number) {
  return policy?.portLevelSettings?.find((item) => item.port?.number === port);
}

/** What a port cannot have settings of its own for. */
function forAllPorts({ tunnel, proxyProtocol, retryBudget }: PortPolicy): PortPolicy {
  return { ...(tunnel && { tunnel }), ...(proxyProtocol && { proxyProtocol }), ...(retryBudget && { retryBudget }) };
}

function atPort(policy: TrafficPolicy | undefined, port: number): PortPolicy {
  if (!policy) return {};
  const { loadBalancer, connectionPool, outlierDetection, tls } = portSettings(policy, port) ?? policy;
  return {
    ...(loadBalancer && { loadBalancer }),
    ...(connectionPool && { connectionPool }),
    ...(outlierDetection && { outlierDetection }),
    ...(tls && { tls }),
    ...forAllPorts(policy),
  };
}
