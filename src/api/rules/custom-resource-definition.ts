// What a definition of a custom kind must keep beyond its structure: its patterns are regular expressions of RE2.
import { isPlainObject } from '../json.ts';
import type { CustomResourceDefinition } from '../kubernetes-kinds.ts';
import { regexProblem } from '../regex-problem.ts';
import type { Report } from './report.ts';

export function checkCustomResourceDefinition({ spec }: CustomResourceDefinition, report: Report): void {
  for (const [index, { schema }] of (spec?.versions ?? []).entries()) {
    checkPatterns(schema?.openAPIV3Schema, `spec.versions[${index}].schema.openAPIV3Schema`, report);
  }
}

function checkPatterns(schema: unknown, at: string, report: Report): void {
  if (!isPlainObject(schema)) return;
  const { pattern, properties, items, additionalProperties } = schema;
  const problem = typeof pattern === 'string' ? regexProblem(pattern) : undefined;
  if (problem) report.error('INVALID_REGEX', `${at}.pattern`, `"${pattern}" is no regular expression: ${problem}`);
  if (isPlainObject(properties)) {
    for (const [name, part] of Object.entries(properties)) checkPatterns(part, `${at}.properties.${name}`, report);
  }
  checkPatterns(items, `${at}.items`, report);
  checkPatterns(additionalProperties, `${at}.additionalProperties`, report);
}
