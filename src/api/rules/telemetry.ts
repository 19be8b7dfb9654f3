// What Istio asks of a Telemetry beyond its structure.
import type { Telemetry } from '../kinds/telemetry.ts';
import { checkTarget } from './policy-target.ts';
import type { Report } from './report.ts';

export function checkTelemetry({ spec = {} }: Telemetry, report: Report): void {
  const { tracing = [], metrics = [] } = spec;
  checkTarget(spec, report);
  if (tracing.length > 1) report.warning('NO_EFFECT', 'spec.tracing[1]', 'only the first element of tracing acts');
  for (const [index, { providers = [], customTags = {} }] of tracing.entries()) {
    const at = `spec.tracing[${index}]`;
    if (providers.length > 1) report.warning('NO_EFFECT', `${at}.providers[1]`, 'only the first provider acts');
    if ('' in customTags) report.error('MISSING_FIELD', `${at}.customTags`, 'the name of a tag must not be empty');
  }
  for (const [index, { overrides = [] }] of metrics.entries()) {
    for (const [position, { tagOverrides = {} }] of overrides.entries()) {
      const at = `spec.metrics[${index}].overrides[${position}].tagOverrides`;
      for (const [name, { operation = 'UPSERT', value }] of Object.entries(tagOverrides)) {
        if (operation === 'UPSERT' && !value)
          report.error('MISSING_FIELD', `${at}.${name}.value`, 'operation UPSERT, the default, requires a value');
      }
    }
  }
}
