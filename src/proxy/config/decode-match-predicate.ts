// Envoy's MatchPredicate over the head of a response -> a test of it.
import type { MatchPredicate } from '#codec/protobuf/generated/envoy/config/common/matcher/v3/matcher';
import { valueMatches } from '#proxy/route/header-test';
import { decodeHeaderMatcher } from './decode-matcher.ts';
import type { Findings } from './findings.ts';

/** `read`: a header by its name in lower case, or `:status`. */
export type ResponseTest = (read: (name: string) => string | undefined) => boolean;

export function decodeResponsePredicate({ rule }: MatchPredicate, field: string, findings: Findings): ResponseTest {
  const inner = (predicates: readonly MatchPredicate[]) =>
    predicates.map((each, i) => decodeResponsePredicate(each, `${field}.rules[${i}]`, findings));
  switch (rule?.$case) {
    case 'orMatch': {
      const tests = inner(rule.value.rules);
      return (read) => tests.some((test) => test(read));
    }
    case 'andMatch': {
      const tests = inner(rule.value.rules);
      return (read) => tests.every((test) => test(read));
    }
    case 'notMatch': {
      const test = decodeResponsePredicate(rule.value, `${field}.not_match`, findings);
      return (read) => !test(read);
    }
    case 'anyMatch':
      return () => rule.value;
    case 'httpResponseHeadersMatch': {
      const tests = rule.value.headers.map((header, i) => decodeHeaderMatcher(header, `${field}.headers[${i}]`, findings));
      return (read) => tests.every((test) => valueMatches(test, read(test.name)));
    }
    default:
      findings.report(field, `${rule?.$case ?? 'a predicate without a rule'} is not supported: responses are told apart by their headers`);
      return () => false;
  }
}
