// A condition on dynamic metadata, as filters before have set it: Envoy's MetadataMatcher, decoded.
import type { MetadataMatcher } from '#codec/protobuf/generated/envoy/type/matcher/v3/metadata';
import type { ValueMatcher } from '#codec/protobuf/generated/envoy/type/matcher/v3/value';
import { decodeStringMatcher } from '#proxy/config/decode-matcher';
import type { Findings } from '#proxy/config/findings';

/** `metadataOf`: what is known under a filter's name. */
export type MetadataTest = (metadataOf: (filter: string) => unknown) => boolean;

export function decodeMetadataMatcher({ filter, path, value, invert }: MetadataMatcher, field: string, findings: Findings): MetadataTest {
  const keys = path.map(({ segment }) => segment?.value ?? '');
  const test = decodeValueMatcher(value, `${field}.value`, findings);
  return (metadataOf) => test(valueAt(metadataOf(filter), keys)) !== invert;
}

function valueAt(root: unknown, keys: readonly string[]): unknown {
  let value = root;
  for (const key of keys) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, key)) return undefined;
    value = (value as Record<string, unknown>)[key];
  }
  return value;
}

/** Undefined stands for what is not there. */
type ValueTest = (value: unknown) => boolean;

function decodeValueMatcher(matcher: ValueMatcher | undefined, field: string, findings: Findings): ValueTest {
  const pattern = matcher?.matchPattern;
  switch (pattern?.$case) {
    case 'nullMatch':
      return (value) => value === null;
    case 'doubleMatch': {
      const wanted = pattern.value.matchPattern;
      if (wanted?.$case === 'range') {
        const { start, end } = wanted.value;
        return (value) => typeof value === 'number' && value >= start && value < end;
      }
      return (value) => value === wanted?.value;
    }
    case 'stringMatch': {
      const test = decodeStringMatcher(pattern.value, field, findings);
      return (value) => typeof value === 'string' && test(value);
    }
    case 'boolMatch':
      return (value) => value === pattern.value;
    case 'presentMatch':
      return (value) => (value !== undefined) === pattern.value;
    case 'listMatch': {
      const test = decodeValueMatcher(pattern.value.matchPattern?.value, field, findings);
      return (value) => Array.isArray(value) && value.some(test);
    }
    case 'orMatch': {
      const tests = pattern.value.valueMatchers.map((each, i) => decodeValueMatcher(each, `${field}.or_match[${i}]`, findings));
      return (value) => tests.some((test) => test(value));
    }
    case undefined:
      findings.report(field, 'has no pattern');
      return () => false;
  }
}
