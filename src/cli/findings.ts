// How findings are shown: a line for people, istioctl's fields for programs.
import picocolors from 'picocolors';
import type { Finding } from '#analysis/analyzer';
import { documentationUrlOf, levelOf, nameOf } from '#analysis/code';
import { resourceLabel } from '#analysis/suppression';
import { asJson } from './output.ts';
import type { Session } from './session.ts';
import { asYaml } from './yaml-output.ts';

export interface FindingFormat {
  output: 'log' | 'json' | 'yaml';
  color: boolean;
}

export function showFindings(session: Session, found: readonly Finding[], { output, color }: FindingFormat): void {
  const { stdout } = session.context;
  if (output === 'json') stdout(asJson(found.map(row)));
  else if (output === 'yaml') stdout(asYaml(found.map(row)));
  else stdout(found.length === 0 ? 'No issues found.\n' : found.map((finding) => line(finding, color)).join(''));
}

function line(finding: Finding, color: boolean): string {
  const colors = picocolors.createColors(color);
  const paint = { Error: colors.red, Warning: colors.yellow, Info: colors.blue };
  const { code, object, message, hint } = finding;
  const level = levelOf(code);
  const reference = referenceOf(finding);
  const place = `${resourceLabel(object)}${reference ? ` ${reference}` : ''}`;
  return `${paint[level](`${level} [${code}]`)} (${place}) ${message}${hint ? `\n  hint: ${hint}` : ''}\n`;
}

/** istioctl's fields, with the field and how to mend it. */
function row(finding: Finding) {
  const { code, object, field, message, hint } = finding;
  const documentationUrl = documentationUrlOf(code);
  return {
    code,
    name: nameOf(code),
    level: levelOf(code),
    origin: resourceLabel(object),
    reference: referenceOf(finding) ?? '',
    ...(field !== '' && { field }),
    message,
    ...(hint !== undefined && { hint }),
    ...(documentationUrl !== undefined && { documentationUrl }),
  };
}

function referenceOf({ origin }: Finding): string | undefined {
  return origin && `${origin.file}:${origin.line}`;
}
