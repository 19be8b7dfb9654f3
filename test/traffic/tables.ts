// All cases of the traffic tables, by what they are of.
import type { Case } from './case.ts';
import { connectionCases } from './connection.cases.ts';
import { destinationRuleCases } from './destination-rule.cases.ts';
import { edgeCases } from './edge.cases.ts';
import { meshConfigCases } from './mesh-config.cases.ts';
import { routingCases } from './routing.cases.ts';
import { virtualServiceCases } from './virtual-service.cases.ts';

export const trafficTables: Readonly<Record<string, readonly Case[]>> = {
  VirtualService: virtualServiceCases,
  'rules in particular': routingCases,
  DestinationRule: destinationRuleCases,
  'connections in particular': connectionCases,
  Gateway: edgeCases.gateways,
  'TCP and TLS rules': edgeCases.connections,
  'ServiceEntry and WorkloadEntry': edgeCases.entries,
  Sidecar: edgeCases.sidecars,
  MeshConfig: meshConfigCases,
};
