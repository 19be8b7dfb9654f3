// The rules of each kind beyond its structure; kinds without rules of their own are not listed.
import type { ApiObject, Kind } from '../kind.ts';
import type { CronJob } from '../kinds/cron-job.ts';
import type { Job } from '../kinds/job.ts';
import type { PeerAuthentication } from '../kinds/peer-authentication.ts';
import type { Pod } from '../kinds/pod.ts';
import type { ProxyConfig } from '../kinds/proxy-config.ts';
import { checkAuthorizationPolicy } from './authorization-policy.ts';
import { checkConfigMap, checkSecret } from './config-map.ts';
import { checkCustomResourceDefinition } from './custom-resource-definition.ts';
import { checkPodController } from './deployment.ts';
import { checkDestinationRule } from './destination-rule.ts';
import { checkEnvoyFilter } from './envoy-filter.ts';
import { checkGateway } from './gateway.ts';
import { checkPodSpec } from './pod-spec.ts';
import { checkTarget } from './policy-target.ts';
import type { Report } from './report.ts';
import { checkRequestAuthentication } from './request-authentication.ts';
import { checkService } from './service.ts';
import { checkServiceEntry, checkWorkloadEntry } from './service-entry.ts';
import { checkSidecar } from './sidecar.ts';
import { checkTelemetry } from './telemetry.ts';
import { checkVirtualService } from './virtual-service.ts';
import { checkTrafficExtension, checkWasmPlugin } from './wasm-module.ts';
import { checkWorkloadGroup } from './workload-group.ts';

// A check takes the type of its kind: the object's structure has been found sound before.
const checks: Readonly<Record<string, (object: never, report: Report) => void>> = {
  AuthorizationPolicy: checkAuthorizationPolicy,
  ConfigMap: checkConfigMap,
  CustomResourceDefinition: checkCustomResourceDefinition,
  CronJob: ({ spec }: CronJob, report) => checkPodSpec(spec.jobTemplate.spec.template.spec, 'spec.jobTemplate.spec.template.spec', report),
  DaemonSet: checkPodController,
  Deployment: checkPodController,
  DestinationRule: checkDestinationRule,
  EnvoyFilter: checkEnvoyFilter,
  Gateway: checkGateway,
  Job: ({ spec }: Job, report) => checkPodSpec(spec.template.spec, 'spec.template.spec', report),
  PeerAuthentication: checkPeerAuthentication,
  Pod: ({ spec }: Pod, report) => checkPodSpec(spec, 'spec', report),
  ProxyConfig: checkProxyConfig,
  ReplicaSet: checkPodController,
  RequestAuthentication: checkRequestAuthentication,
  Secret: checkSecret,
  Service: checkService,
  ServiceEntry: checkServiceEntry,
  Sidecar: checkSidecar,
  StatefulSet: checkPodController,
  Telemetry: checkTelemetry,
  TrafficExtension: checkTrafficExtension,
  VirtualService: checkVirtualService,
  WasmPlugin: checkWasmPlugin,
  WorkloadEntry: checkWorkloadEntry,
  WorkloadGroup: checkWorkloadGroup,
};

/** Beside Istio's. */
const checkedGroups: ReadonlySet<string> = new Set(['', 'apps', 'batch', 'apiextensions.k8s.io']);

/** Asked of every kind of Istio's. */
function checkAnnotations({ kind, metadata }: ApiObject, report: Report): void {
  const { annotations = {} } = metadata;
  if ('istio.io/dry-run' in annotations && kind !== 'AuthorizationPolicy') {
    report.error('UNSUPPORTED', 'metadata.annotations["istio.io/dry-run"]', `a ${kind} cannot be tried out`, 'remove the annotation');
  }
  if ('internal.istio.io/webhook-always-reject' in annotations) {
    report.error('REJECTED', 'metadata.annotations["internal.istio.io/webhook-always-reject"]', 'asks to be rejected');
  }
}

function checkPeerAuthentication({ spec = {} }: PeerAuthentication, report: Report): void {
  checkTarget(spec, report);
  if (spec.portLevelMtls && Object.keys(spec.portLevelMtls).length === 0) {
    report.error('MISSING_FIELD', 'spec.portLevelMtls', 'must not be empty', 'leave it out');
  }
}

function checkProxyConfig({ spec = {} }: ProxyConfig, report: Report): void {
  checkTarget(spec, report);
}

export function checkKind({ group, kind }: Kind, object: ApiObject, report: Report): void {
  if (group.endsWith('.istio.io')) checkAnnotations(object, report);
  if (checkedGroups.has(group) || group.endsWith('.istio.io')) checks[kind]?.(object as never, report);
}
