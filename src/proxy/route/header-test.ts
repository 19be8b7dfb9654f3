// A condition on one header, of a request or a response: Envoy's HeaderMatcher, decoded. Pure.
import type { StringTest } from './string-matcher.ts';

export interface HeaderTest {
  /** Lower case, or `:method`, `:path`, `:authority`, `:scheme`. */
  name: string;
  /** Undefined: the header must be there, whatever its value. */
  test: StringTest | undefined;
  invert: boolean;
  /** Envoy's treat_missing_header_as_empty. */
  missingAsEmpty: boolean;
}

/** `found`: the header's value; undefined: it is not there. */
export function valueMatches({ test, invert, missingAsEmpty }: HeaderTest, found: string | undefined): boolean {
  const value = found === undefined && missingAsEmpty ? '' : found;
  // An absent header never matches a value; inverted it does not either, unless presence is what is asked for.
  if (value === undefined) return test === undefined && invert;
  return (test === undefined || test(value)) !== invert;
}
