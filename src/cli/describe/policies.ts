// Which policies apply to a pod: mutual TLS by Istio's precedence, and authorization. Pure.
import { selects } from '#analysis/labels';
import type { Resources } from '#analysis/resources';
import type { ApiObject } from '#api/kind';
import type { AuthorizationPolicy } from '#api/kinds/authorization-policy';
import type { PeerAuthentication } from '#api/kinds/peer-authentication';
import type { Pod } from '#api/kinds/pod';

const rootNamespace = 'istio-system';

export function describePolicies(pod: Pod, resources: Resources): string[] {
  return [...describePeerAuthentication(pod, resources), ...describeAuthorization(pod, resources)];
}

/** The narrowest that says something decides: of the workload, of its namespace, of the mesh; at one level the oldest. */
function describePeerAuthentication(pod: Pod, resources: Resources): string[] {
  const all = resources.all<PeerAuthentication>('security.istio.io/PeerAuthentication');
  const applied = (['workload', 'namespace', 'mesh'] as const).flatMap((level) => {
    const [oldest] = all.filter((policy) => levelOf(policy, policy.spec?.selector?.matchLabels, pod) === level).sort(compareAge);
    return oldest ? [oldest] : [];
  });
  const mode = applied.map(({ spec }) => spec?.mtls?.mode).find((each) => each !== undefined && each !== 'UNSET') ?? 'PERMISSIVE';
  const ports = Object.entries(applied[0]?.spec?.portLevelMtls ?? {}).map(([port, mtls]) => `port ${port}: ${mtls.mode ?? 'UNSET'}`);
  return [
    'Effective PeerAuthentication:',
    `   Workload mTLS mode: ${[mode, ...ports].join(', ')}`,
    ...(applied.length > 0 ? [`   Applied PeerAuthentication: ${applied.map(nameOf).join(', ')}`] : []),
  ];
}

function describeAuthorization(pod: Pod, resources: Resources): string[] {
  const policies = resources
    .all<AuthorizationPolicy>('security.istio.io/AuthorizationPolicy')
    .filter((policy) => !hasTarget(policy) && levelOf(policy, policy.spec?.selector?.matchLabels, pod) !== undefined);
  if (policies.length === 0) return [];
  const shown = policies.map((policy) => `   ${policy.spec?.action ?? 'ALLOW'} ${nameOf(policy)}: ${rulesOf(policy)}`);
  return ['AuthorizationPolicies:', ...shown];
}

function rulesOf({ spec }: AuthorizationPolicy): string {
  const count = spec?.rules?.length ?? 0;
  return count === 0
    ? `no rules, so nothing is ${spec?.action === 'DENY' ? 'denied' : 'allowed'}`
    : `${count} ${count === 1 ? 'rule' : 'rules'}`;
}

const hasTarget = ({ spec }: AuthorizationPolicy) => spec?.targetRef !== undefined || (spec?.targetRefs?.length ?? 0) > 0;

type Level = 'workload' | 'namespace' | 'mesh';

/** Undefined where the policy does not concern the pod. */
function levelOf({ metadata }: ApiObject, selector: Readonly<Record<string, string>> | undefined, pod: Pod): Level | undefined {
  const inRoot = metadata.namespace === rootNamespace;
  if (metadata.namespace !== pod.metadata.namespace && !inRoot) return undefined;
  if (selector && Object.keys(selector).length > 0) return selects(selector, pod.metadata.labels) ? 'workload' : undefined;
  return inRoot ? 'mesh' : 'namespace';
}

const nameOf = ({ metadata }: ApiObject) => `${metadata.name}.${metadata.namespace}`;
const compareAge = (a: ApiObject, b: ApiObject) => ((a.metadata.creationTimestamp ?? '') < (b.metadata.creationTimestamp ?? '') ? -1 : 1);
