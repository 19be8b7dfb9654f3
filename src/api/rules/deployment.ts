// What Kubernetes asks of a Deployment beyond its structure.
import { fieldPath } from '../field-path.ts';
import type { Deployment } from '../kinds/deployment.ts';
import { checkLabels } from './metadata.ts';
import { checkPodSpec } from './pod-spec.ts';
import type { Report } from './report.ts';

export function checkDeployment({ spec }: Deployment, report: Report): void {
  const labels = spec.template.metadata?.labels ?? {};
  checkLabels('spec.template.metadata.labels', labels, report);
  const selected = Object.entries(spec.selector.matchLabels ?? {});
  if (selected.length === 0 && !spec.selector.matchExpressions?.length) {
    report.error('MISSING_FIELD', 'spec.selector', 'an empty selector would take every pod', 'give matchLabels');
  }
  for (const [key, value] of selected) {
    if (labels[key] !== value) {
      const field = `spec.selector.matchLabels${fieldPath(['_', key]).slice(1)}`;
      const hint = `set spec.template.metadata.labels ${key}: ${value}`;
      report.error('SELECTOR_MISMATCH', field, `the pods of spec.template do not have label ${key}=${value}`, hint);
    }
  }
  checkPodSpec(spec.template.spec, 'spec.template.spec', report, ['Always']);
}
