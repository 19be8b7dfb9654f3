// All kinds, and how one is found: by what a manifest says, or by what a person types.
import type { Kind } from './kind.ts';
import { authorizationPolicyKind } from './kinds/authorization-policy.ts';
import { configMapKind } from './kinds/config-map.ts';
import { cronJobKind } from './kinds/cron-job.ts';
import { daemonSetKind } from './kinds/daemon-set.ts';
import { deploymentKind } from './kinds/deployment.ts';
import { destinationRuleKind } from './kinds/destination-rule.ts';
import { endpointSliceKind } from './kinds/endpoint-slice.ts';
import { endpointsKind } from './kinds/endpoints.ts';
import { envoyFilterKind } from './kinds/envoy-filter.ts';
import { eventKind } from './kinds/event.ts';
import { gatewayKind } from './kinds/gateway.ts';
import { jobKind } from './kinds/job.ts';
import { namespaceKind } from './kinds/namespace.ts';
import { peerAuthenticationKind } from './kinds/peer-authentication.ts';
import { podKind } from './kinds/pod.ts';
import { proxyConfigKind } from './kinds/proxy-config.ts';
import { replicaSetKind } from './kinds/replica-set.ts';
import { requestAuthenticationKind } from './kinds/request-authentication.ts';
import { secretKind } from './kinds/secret.ts';
import { serviceKind } from './kinds/service.ts';
import { serviceAccountKind } from './kinds/service-account.ts';
import { serviceEntryKind } from './kinds/service-entry.ts';
import { sidecarKind } from './kinds/sidecar.ts';
import { statefulSetKind } from './kinds/stateful-set.ts';
import { telemetryKind } from './kinds/telemetry.ts';
import { trafficExtensionKind } from './kinds/traffic-extension.ts';
import { virtualServiceKind } from './kinds/virtual-service.ts';
import { wasmPluginKind } from './kinds/wasm-plugin.ts';
import { workloadEntryKind } from './kinds/workload-entry.ts';
import { workloadGroupKind } from './kinds/workload-group.ts';

/** Every kind, in the order in which a set of manifests is best applied: what others need comes first. */
export const kinds: readonly Kind[] = [
  namespaceKind,
  serviceAccountKind,
  secretKind,
  configMapKind,
  serviceKind,
  endpointsKind,
  endpointSliceKind,
  podKind,
  replicaSetKind,
  deploymentKind,
  statefulSetKind,
  daemonSetKind,
  jobKind,
  cronJobKind,
  eventKind,
  serviceEntryKind,
  workloadEntryKind,
  destinationRuleKind,
  gatewayKind,
  virtualServiceKind,
  sidecarKind,
  workloadGroupKind,
  proxyConfigKind,
  envoyFilterKind,
  peerAuthenticationKind,
  requestAuthenticationKind,
  authorizationPolicyKind,
  telemetryKind,
  wasmPluginKind,
  trafficExtensionKind,
];

const byGroupKind = new Map(kinds.map((kind) => [`${kind.group}/${kind.kind}`, kind]));

/** `networking.istio.io/v1` is a group and a version; `v1` is a version of Kubernetes' core group, whose name is empty. */
export function parseApiVersion(apiVersion: string): { group: string; version: string } {
  const slash = apiVersion.indexOf('/');
  return slash < 0 ? { group: '', version: apiVersion } : { group: apiVersion.slice(0, slash), version: apiVersion.slice(slash + 1) };
}

/** The kind that a manifest names, in any version that is served. */
export function kindOf(apiVersion: string, kind: string): Kind | undefined {
  const { group, version } = parseApiVersion(apiVersion);
  const found = byGroupKind.get(`${group}/${kind}`);
  return found?.versions.includes(version) ? found : undefined;
}

/** The kind that a person means by `vs`, `virtualservice`, `VirtualServices` or `virtualservices.networking.istio.io`. */
export function kindNamed(word: string): Kind | undefined {
  const [name = '', ...group] = word.toLowerCase().split('.');
  const named = (kind: Kind) => [kind.plural, kind.singular, kind.kind.toLowerCase(), ...kind.shortNames].includes(name);
  return kinds.find((kind) => named(kind) && (group.length === 0 || group.join('.') === kind.group));
}
