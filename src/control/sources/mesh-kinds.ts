// The kinds that the mesh is made of; what else a store holds does not concern the control plane.
import type { Kind } from '#api/kind';
import { authorizationPolicyKind } from '#api/kinds/authorization-policy';
import { configMapKind } from '#api/kinds/config-map';
import { destinationRuleKind } from '#api/kinds/destination-rule';
import { endpointSliceKind } from '#api/kinds/endpoint-slice';
import { endpointsKind } from '#api/kinds/endpoints';
import { envoyFilterKind } from '#api/kinds/envoy-filter';
import { gatewayKind } from '#api/kinds/gateway';
import { namespaceKind } from '#api/kinds/namespace';
import { peerAuthenticationKind } from '#api/kinds/peer-authentication';
import { podKind } from '#api/kinds/pod';
import { requestAuthenticationKind } from '#api/kinds/request-authentication';
import { secretKind } from '#api/kinds/secret';
import { serviceKind } from '#api/kinds/service';
import { serviceEntryKind } from '#api/kinds/service-entry';
import { sidecarKind } from '#api/kinds/sidecar';
import { telemetryKind } from '#api/kinds/telemetry';
import { virtualServiceKind } from '#api/kinds/virtual-service';
import { workloadEntryKind } from '#api/kinds/workload-entry';

export const meshKinds: readonly Kind[] = [
  namespaceKind,
  serviceKind,
  endpointsKind,
  endpointSliceKind,
  podKind,
  configMapKind,
  secretKind,
  serviceEntryKind,
  workloadEntryKind,
  destinationRuleKind,
  gatewayKind,
  virtualServiceKind,
  sidecarKind,
  peerAuthenticationKind,
  requestAuthenticationKind,
  authorizationPolicyKind,
  envoyFilterKind,
  telemetryKind,
];
