// Runs analyzers over resources. Pure.
import { type ApiObject, keyOf } from '#api/kind';
import { messageOf } from '#foundation/mesh-error';
import { type Analyzer, type Finding, finding } from './analyzer.ts';
import { levelOf, levels } from './code.ts';
import type { Resources } from './resources.ts';
import { isSuppressedByAnnotation } from './suppression.ts';

/** What is wrong, the gravest first, then in the order of files and lines; the same thing is said once for each object. */
export function analyze(resources: Resources, analyzers: readonly Analyzer[]): Finding[] {
  const steps = analysis(resources, analyzers);
  for (;;) {
    const { done, value } = steps.next();
    if (done) return value;
  }
}

/** The same, one object after the other, for who has something else to do in between. */
export function* analysis(resources: Resources, analyzers: readonly Analyzer[]): Generator<void, Finding[]> {
  const found = new Map<string, Finding>();
  for (const each of analyzers) {
    for (const kind of each.kinds) {
      for (const object of resources.all(kind)) {
        for (const one of checked(each, object, resources)) {
          const key = `${one.code} ${kind} ${keyOf(object.metadata)} ${one.message}`;
          if (!found.has(key) && !isSuppressedByAnnotation(one)) found.set(key, one);
        }
        yield;
      }
    }
  }
  return [...found.values()].sort(compare);
}

/** An analyzer that fails takes no other with it: it is a finding of its own. */
function checked({ name, check }: Analyzer, object: ApiObject, resources: Resources): Finding[] {
  try {
    return [...check(object, resources)];
  } catch (thrown) {
    return [finding('IST0001', object, '', `${name} failed: ${messageOf(thrown)}`, 'this is a defect of Lateen: please report it')];
  }
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
