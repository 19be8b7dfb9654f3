// All analyzers, under Istio's names, and what each one looks for.
import type { Analyzer } from './analyzer.ts';
import { alphaAnnotations, annotations } from './analyzers/annotations.ts';
import { applicationUid } from './analyzers/application-uid.ts';
import { authorizationPolicy } from './analyzers/authorization-policy.ts';
import { blockedCidrs } from './analyzers/blocked-cidrs.ts';
import { caCertificates } from './analyzers/ca-certificates.ts';
import { conditions } from './analyzers/conditions.ts';
import { conflictingGateways } from './analyzers/conflicting-gateways.ts';
import { conflictingMeshHosts } from './analyzers/conflicting-mesh-hosts.ts';
import { conflictingServers } from './analyzers/conflicting-servers.ts';
import { conflictingSubsets } from './analyzers/conflicting-subsets.ts';
import { deprecation } from './analyzers/deprecation.ts';
import { envoyPatch } from './analyzers/envoy-patch.ts';
import { envoyValue } from './analyzers/envoy-value.ts';
import { externalControlPlane } from './analyzers/external-control-plane.ts';
import { gatewayApiCrdVersion } from './analyzers/gateway-api-crd-version.ts';
import { gatewayApiSelector } from './analyzers/gateway-api-selector.ts';
import { gatewayApiServedVersion } from './analyzers/gateway-api-served-version.ts';
import { gatewayCertificate } from './analyzers/gateway-certificate.ts';
import { gatewaySecret } from './analyzers/gateway-secret.ts';
import { inertProxyConfig } from './analyzers/inert-proxy-config.ts';
import { ingressGatewayPort } from './analyzers/ingress-gateway-port.ts';
import { injection } from './analyzers/injection.ts';
import { injectionImage } from './analyzers/injection-image.ts';
import { injectionImageAuto } from './analyzers/injection-image-auto.ts';
import { jwtClaimRoute } from './analyzers/jwt-claim-route.ts';
import { meshNetworks } from './analyzers/mesh-networks.ts';
import { multiClusterService } from './analyzers/multi-cluster-service.ts';
import { multiService } from './analyzers/multi-service.ts';
import { notYetInEffect } from './analyzers/not-yet-in-effect.ts';
import { portName } from './analyzers/port-name.ts';
import { schemaValidation, shadowedRule } from './analyzers/schema-validation.ts';
import { serviceEntryAddresses } from './analyzers/service-entry-addresses.ts';
import { serviceEntryProtocols } from './analyzers/service-entry-protocols.ts';
import { sidecarSelector } from './analyzers/sidecar-selector.ts';
import { subsetPods } from './analyzers/subset-pods.ts';
import { telemetryLightstep, telemetryProvider } from './analyzers/telemetry-provider.ts';
import { telemetryDefaultSelector, telemetrySelector } from './analyzers/telemetry-selector.ts';
import { virtualServiceDestination } from './analyzers/virtual-service-destination.ts';
import { virtualServiceGateway } from './analyzers/virtual-service-gateway.ts';
import { virtualServiceSubset } from './analyzers/virtual-service-subset.ts';
import { webhook } from './analyzers/webhook.ts';

/** Run unless others are asked for. */
export const defaultAnalyzers: readonly Analyzer[] = [
  annotations,
  applicationUid,
  authorizationPolicy,
  blockedCidrs,
  caCertificates,
  conditions,
  conflictingGateways,
  conflictingMeshHosts,
  conflictingServers,
  conflictingSubsets,
  deprecation,
  envoyPatch,
  envoyValue,
  externalControlPlane,
  gatewayApiCrdVersion,
  gatewayApiSelector,
  gatewayCertificate,
  gatewaySecret,
  ingressGatewayPort,
  injection,
  injectionImage,
  injectionImageAuto,
  jwtClaimRoute,
  inertProxyConfig,
  meshNetworks,
  multiClusterService,
  multiService,
  notYetInEffect,
  portName,
  ...schemaValidation,
  serviceEntryAddresses,
  serviceEntryProtocols,
  shadowedRule,
  sidecarSelector,
  subsetPods,
  telemetryDefaultSelector,
  telemetryLightstep,
  telemetryProvider,
  telemetrySelector,
  virtualServiceDestination,
  virtualServiceGateway,
  virtualServiceSubset,
  webhook,
];

/** With those that are run only when they are asked for: Alpha annotations are everywhere. */
export const allAnalyzers: readonly Analyzer[] = [...defaultAnalyzers, alphaAnnotations];

/** Of an installation or an upgrade, not of the resources: `precheck` runs them. */
export const precheckAnalyzers: readonly Analyzer[] = [gatewayApiServedVersion];
