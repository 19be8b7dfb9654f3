// What Istio asks of exportTo: the namespaces that get to see a resource.
import { isName } from './names.ts';
import type { Report } from './report.ts';

export interface ExportRules {
  /** A ServiceEntry may be exported to nobody. */
  nobody?: boolean;
  /** A DestinationRule for some workloads stays in its namespace. */
  ownOnly?: boolean;
}

const field = 'spec.exportTo';

/** `.` is the resource's own namespace, `*` all of them, `~` none. */
export function checkExportTo(exportTo: readonly string[] = [], namespace: string, rules: ExportRules, report: Report): void {
  const seen = new Set<string>();
  for (const [index, entry] of exportTo.entries()) {
    const target = entry === '.' ? namespace : entry;
    const known = target === '*' || (target === '~' && rules.nobody) || isName(target);
    if (!known)
      report.error('INVALID_NAME', `${field}[${index}]`, `"${entry}" is no namespace`, 'write a namespace, "." for this one, "*" for all');
    else if (seen.has(target)) report.error('DUPLICATE_NAME', `${field}[${index}]`, `namespace "${target}" is given twice`);
    seen.add(target);
  }
  for (const [whole, what] of [
    ['*', 'all namespaces'],
    ['~', 'nobody'],
  ] as const) {
    if (seen.has(whole) && exportTo.length > 1)
      report.error('CONFLICTING_FIELDS', field, `"${whole}" stands for ${what}, and takes no others beside it`);
  }
  if (rules.ownOnly && exportTo.length > 0 && (seen.size > 1 || !seen.has(namespace))) {
    report.error('CONFLICTING_FIELDS', field, 'a rule with workloadSelector cannot leave its namespace', 'write "." or leave exportTo out');
  }
}
