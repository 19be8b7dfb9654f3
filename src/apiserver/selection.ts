// The selectors in a request's query. Equality only; others are refused rather than ignored.
import { StoreError } from '#store/store-error';

export interface Query {
  labelSelector?: string;
  fieldSelector?: string;
  watch?: string;
  resourceVersion?: string;
  timeoutSeconds?: string;
  fieldValidation?: string;
  dryRun?: string;
}

/** `app=reviews,version==v1`; undefined where nothing is selected by labels. */
export function labelsOf({ labelSelector }: Query): Record<string, string> | undefined {
  if (!labelSelector) return undefined;
  return Object.fromEntries(labelSelector.split(',').map((term) => equality(term, 'labelSelector')));
}

/** The one name that `metadata.name=…` selects. */
export function nameOf({ fieldSelector }: Query): string | undefined {
  if (!fieldSelector) return undefined;
  const [key, value] = equality(fieldSelector, 'fieldSelector');
  if (key !== 'metadata.name') throw new StoreError('INVALID', `fieldSelector knows metadata.name only, not ${key}`);
  return value;
}

function equality(term: string, parameter: string): [key: string, value: string] {
  const [, key, value] = /^\s*([^\s=!,()]+)\s*==?\s*([^\s=!,()]*)\s*$/.exec(term) ?? [];
  if (key === undefined || value === undefined) throw new StoreError('INVALID', `${parameter} "${term}" is not of the form key=value`);
  return [key, value];
}
