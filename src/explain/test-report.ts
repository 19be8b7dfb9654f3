// Results of route tests for people, and which rules they reached. Pure.
import type { MeshSnapshot } from '#control/mesh/snapshot';
import type { TestResult } from './junit.ts';

export function formatResults(results: readonly TestResult[]): string {
  const failed = results.filter(({ failures }) => failures.length > 0);
  const indented = (text: string) => text.replace(/^(?=.)/gm, '    ');
  const text = failed.map(({ name, origin, failures, explanation }) => {
    return `✗ ${name} (${origin.file}:${origin.line})\n${failures.map((failure) => `    ${failure}\n`).join('')}${indented(explanation)}\n`;
  });
  return `${text.join('')}${results.length - failed.length} passed, ${failed.length} failed\n`;
}

/** Rules of VirtualServices, and those that no test reached. */
export function formatCoverage({ virtualServices }: MeshSnapshot, results: readonly TestResult[]): string {
  const reached = new Set(results.flatMap(({ reached: origins }) => origins.map((origin) => origin.replace(/ \(.*\)$/, ''))));
  const rules = [...virtualServices.values()].flatMap(({ object: { spec }, namespace, name }) =>
    (['http', 'tls'] as const).flatMap((field) =>
      (spec[field] ?? []).map((_, i) => `VirtualService ${namespace}/${name} spec.${field}[${i}]`),
    ),
  );
  const missed = rules.filter((rule) => !reached.has(rule));
  return `coverage: ${rules.length - missed.length} of ${rules.length} rules\n${missed.map((rule) => `  not reached: ${rule}\n`).join('')}`;
}
