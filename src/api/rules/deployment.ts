// What Kubernetes asks of the kinds that make pods of a template, beyond their structure, and how it says so.
import type { Pod } from '../kinds/pod.ts';
import { checkLabels } from './metadata.ts';
import { checkPodSpec } from './pod-spec.ts';
import type { Report } from './report.ts';

interface PodController {
  kind: string;
  spec: {
    selector: { matchLabels?: Record<string, string>; matchExpressions?: readonly unknown[] };
    template: { metadata?: { labels?: Record<string, string> }; spec: Pod['spec'] };
  };
}

/** Of a kind whose pods are to run for ever, and are known by a selector. */
export function checkPodController({ kind, spec }: PodController, report: Report): void {
  const { selector, template } = spec;
  const labels = template.metadata?.labels ?? {};
  checkLabels('spec.template.metadata.labels', labels, report);
  const selected = Object.entries(selector.matchLabels ?? {});
  if (selected.length === 0 && !selector.matchExpressions?.length) {
    const message = `Invalid value: ${JSON.stringify(selector)}: empty selector is invalid for ${kind.toLowerCase()}`;
    report.error('MISSING_FIELD', 'spec.selector', message, 'it would take every pod: give matchLabels');
  }
  const [missing] = selected.filter(([key, value]) => labels[key] !== value);
  if (missing) {
    const [key, value] = missing;
    const message = `Invalid value: ${JSON.stringify(labels)}: \`selector\` does not match template \`labels\``;
    report.error('SELECTOR_MISMATCH', 'spec.template.metadata.labels', message, `set ${key}: ${value}`);
  }
  checkPodSpec(template.spec, 'spec.template.spec', report, ['Always']);
}
