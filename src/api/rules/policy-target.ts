// What Istio asks of the workloads that a policy names, by labels or by the resources in front of them.
import type { Static } from '@sinclair/typebox';
import type { matchLabelsSelectorSchema } from '../schema/label-selector.ts';
import type { selectorOrTargets } from '../schema/policy-target.ts';
import type { Report } from './report.ts';

type TargetRef = Static<typeof selectorOrTargets.targetRef>;

interface Targeted {
  selector?: Static<typeof matchLabelsSelectorSchema>;
  targetRef?: TargetRef;
  targetRefs?: TargetRef[];
}

const targets = [
  '/Service',
  'networking.istio.io/ServiceEntry',
  'gateway.networking.k8s.io/Gateway',
  'gateway.networking.k8s.io/GatewayClass',
];

export function checkTarget({ selector, targetRef, targetRefs = [] }: Targeted, report: Report): void {
  warnOfEmptySelector(selector && (selector.matchLabels ?? {}), 'spec.selector', report);
  if (targetRef) checkTargetRef(targetRef, 'spec.targetRef', report);
  for (const [index, ref] of targetRefs.entries()) checkTargetRef(ref, `spec.targetRefs[${index}]`, report);
}

function checkTargetRef({ group = '', kind }: TargetRef, at: string, report: Report): void {
  const target = `${group === 'core' ? '' : group}/${kind}`;
  if (!targets.includes(target)) {
    report.error('UNSUPPORTED', `${at}.kind`, `a policy cannot be attached to ${target}`, `it can to ${targets.join(', ')}`);
  }
}

/** Also of the older selectors, whose labels have another name. */
export function warnOfEmptySelector(labels: Readonly<Record<string, string>> | undefined, field: string, report: Report): void {
  if (labels && Object.keys(labels).length === 0) {
    report.warning('EMPTY_SELECTOR', field, 'has no labels: it selects every workload of the namespace', 'give labels, or leave it out');
  }
}
