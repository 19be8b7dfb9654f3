// Which objects a list or a watch is about: namespace, labels and fields, in the grammar of Kubernetes' selectors.
import type { ApiObject } from '#api/kind';
import type { ListOptions } from './store.ts';
import { StoreError } from './store-error.ts';

type Holds = (object: ApiObject) => boolean;

const selectorLengthMax = 4096;

/** Whether an object is selected. Throws StoreError BAD_REQUEST where a selector cannot be read. */
export function selection({ namespace, labels = {}, labelSelector = '', fieldSelector = '' }: ListOptions): Holds {
  for (const text of [labelSelector, fieldSelector]) {
    if (text.length > selectorLengthMax) throw new StoreError('BAD_REQUEST', `a selector is longer than ${selectorLengthMax} characters`);
  }
  const all: Holds[] = [
    ...(namespace === undefined ? [] : [({ metadata }: ApiObject) => metadata.namespace === namespace]),
    ...Object.entries(labels).map(([key, value]) => labelHolds(key, (found) => found === value)),
    ...termsOf(labelSelector).map(labelTerm),
    ...termsOf(fieldSelector).map(fieldTerm),
  ];
  return (object) => all.every((holds) => holds(object));
}

const labelHolds =
  (key: string, holds: (value: string | undefined) => boolean): Holds =>
  ({ metadata }) =>
    holds(metadata.labels?.[key]);

/** Separated by commas that stand in no parentheses. */
function termsOf(selector: string): string[] {
  return selector.split(/,(?![^(]*\))/).flatMap((term) => (term.trim() === '' ? [] : [term.trim()]));
}

function labelTerm(term: string): Holds {
  const [, key = '', negated, list] = /^([^\s=!,()]+)\s+(not)?in\s*\(([^()]*)\)$/.exec(term) ?? [];
  if (list !== undefined) {
    const values = list.split(',').map((value) => value.trim());
    return labelHolds(key, (found) => (found !== undefined && values.includes(found)) !== (negated !== undefined));
  }
  const [, absent, alone] = /^(!?)\s*([^\s=!,()]+)$/.exec(term) ?? [];
  if (alone !== undefined) return labelHolds(alone, (found) => (found !== undefined) === (absent === ''));
  const { key: name, value, equal } = comparison(term, 'label');
  return labelHolds(name, (found) => (found === value) === equal);
}

/** A field that is not there is empty. */
function fieldTerm(term: string): Holds {
  const { key, value, equal } = comparison(term, 'field');
  const path = key.split('.');
  return (object) => {
    let at: unknown = object;
    for (const name of path) at = typeof at === 'object' && at !== null ? (at as Record<string, unknown>)[name] : undefined;
    return (String(at ?? '') === value) === equal;
  };
}

function comparison(term: string, what: 'label' | 'field'): { key: string; value: string; equal: boolean } {
  const [, key, operator, value] = /^([^\s=!,()]+)\s*(==?|!=)\s*([^\s=!,()]*)$/.exec(term) ?? [];
  if (key === undefined || value === undefined) {
    const forms = what === 'label' ? 'key=value, key!=value, key in (a, b), key notin (a, b), key or !key' : 'path=value or path!=value';
    throw new StoreError('BAD_REQUEST', `unable to parse the ${what} selector "${term}"`, { hint: `write ${forms}` });
  }
  return { key, value, equal: operator !== '!=' };
}
