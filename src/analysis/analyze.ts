// Runs analyzers over resources. Pure.
import { keyOf } from '#api/kind';
import type { Analyzer, Finding } from './analyzer.ts';
import { levelOf, levels } from './code.ts';
import type { Resources } from './resources.ts';
import { isSuppressedByAnnotation } from './suppression.ts';

/** What is wrong, the gravest first, then in the order of files and lines; the same thing is said once for each object. */
export function analyze(resources: Resources, analyzers: readonly Analyzer[]): Finding[] {
  const found = new Map<string, Finding>();
  for (const { kinds, check } of analyzers) {
    for (const kind of kinds) {
      for (const object of resources.all(kind)) {
        for (const finding of check(object, resources)) {
          const key = `${finding.code} ${kind} ${keyOf(object.metadata)} ${finding.message}`;
          if (!found.has(key) && !isSuppressedByAnnotation(finding)) found.set(key, finding);
        }
      }
    }
  }
  return [...found.values()].sort(compare);
}

function compare(a: Finding, b: Finding): number {
  return (
    levels.indexOf(levelOf(a.code)) - levels.indexOf(levelOf(b.code)) ||
    order(a.code, b.code) ||
    order(a.origin?.file ?? '', b.origin?.file ?? '') ||
    (a.origin?.line ?? 0) - (b.origin?.line ?? 0) ||
    order(keyOf(a.object.metadata), keyOf(b.object.metadata))
  );
}

const order = (a: string, b: string) => (a < b ? -1 : a > b ? 1 : 0);
