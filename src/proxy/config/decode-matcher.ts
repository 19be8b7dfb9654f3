// Envoy's matchers of strings, headers, query parameters and fractions -> the route table's tests.

import type {
  RouteMatch as EnvoyRouteMatch,
  HeaderMatcher,
  QueryParameterMatcher,
} from '#codec/protobuf/generated/envoy/config/route/v3/route_components';
import { HeaderMatcher as HeaderMatcherMessage } from '#codec/protobuf/generated/envoy/config/route/v3/route_components';
import type { StringMatcher } from '#codec/protobuf/generated/envoy/type/matcher/v3/string';
import { type FractionalPercent, FractionalPercent_DenominatorType } from '#codec/protobuf/generated/envoy/type/v3/percent';
import { Regex } from '#codec/regex';
import type { HeaderTest } from '#proxy/route/header-test';
import type { QueryTest, RouteMatch } from '#proxy/route/route-match';
import { anything, contains, endsWith, exactly, matchesRegex, type StringTest, startsWith, stringTest } from '#proxy/route/string-matcher';
import type { Findings } from './findings.ts';

const never = stringTest('nothing', () => false);

export function decodeStringMatcher(matcher: StringMatcher, field: string, findings: Findings): StringTest {
  const { matchPattern, ignoreCase } = matcher;
  switch (matchPattern?.$case) {
    case 'exact':
      return exactly(matchPattern.value, ignoreCase);
    case 'prefix':
      return startsWith(matchPattern.value, ignoreCase);
    case 'suffix':
      return endsWith(matchPattern.value, ignoreCase);
    case 'contains':
      return contains(matchPattern.value, ignoreCase);
    case 'safeRegex':
      return decodeRegex(matchPattern.value.regex, field, findings);
    default:
      findings.report(field, `string matcher ${matchPattern?.$case ?? 'without a pattern'} is not supported`);
      return never;
  }
}

function decodeRegex(expression: string, field: string, findings: Findings): StringTest {
  const regex = findings.attempt(field, () => new Regex(expression));
  return regex === undefined ? never : matchesRegex(regex);
}

export function decodeHeaderMatcher(matcher: HeaderMatcher, field: string, findings: Findings): HeaderTest {
  const name = matcher.name.toLowerCase();
  const base = {
    // Envoy has one header of the two names.
    name: name === 'host' ? ':authority' : name,
    invert: matcher.invertMatch,
    missingAsEmpty: matcher.treatMissingHeaderAsEmpty,
  };
  const specifier = matcher.headerMatchSpecifier;
  switch (specifier?.$case) {
    case undefined:
      return { ...base, test: undefined };
    case 'presentMatch':
      return { ...base, test: undefined, invert: base.invert === specifier.value };
    case 'exactMatch':
      return { ...base, test: exactly(specifier.value) };
    case 'prefixMatch':
      return { ...base, test: startsWith(specifier.value) };
    case 'suffixMatch':
      return { ...base, test: endsWith(specifier.value) };
    case 'containsMatch':
      return { ...base, test: contains(specifier.value) };
    case 'safeRegexMatch':
      return { ...base, test: decodeRegex(specifier.value.regex, field, findings) };
    case 'stringMatch':
      return { ...base, test: decodeStringMatcher(specifier.value, field, findings) };
    case 'rangeMatch': {
      const { start, end } = specifier.value;
      const within = (value: string) => /^-?\d+$/.test(value) && Number(value) >= start && Number(value) < end;
      return { ...base, test: stringTest(`a number from ${start} to below ${end}`, within, String(start)) };
    }
  }
}

export function decodeQueryMatcher(matcher: QueryParameterMatcher, field: string, findings: Findings): QueryTest {
  const specifier = matcher.queryParameterMatchSpecifier;
  return {
    name: matcher.name,
    test: specifier?.$case === 'stringMatch' ? decodeStringMatcher(specifier.value, field, findings) : undefined,
  };
}

export function decodeRouteMatch(match: EnvoyRouteMatch | undefined, field: string, findings: Findings): RouteMatch {
  if (match === undefined) findings.report(field, 'is missing');
  const specifier = match?.pathSpecifier;
  const headers = (match?.headers ?? []).map((h, i) => decodeHeaderMatcher(h, `${field}.headers[${i}]`, findings));
  if (match?.grpc) {
    const grpc = HeaderMatcherMessage.fromPartial({
      name: 'content-type',
      headerMatchSpecifier: { $case: 'prefixMatch', value: 'application/grpc' },
    });
    headers.push(decodeHeaderMatcher(grpc, field, findings));
  }
  return {
    path: decodePath(specifier, !(match?.caseSensitive ?? true), field, findings),
    connect: specifier?.$case === 'connectMatcher',
    headers,
    query: (match?.queryParameters ?? []).map((q, i) => decodeQueryMatcher(q, `${field}.query_parameters[${i}]`, findings)),
    fraction: fractionOf(match?.runtimeFraction?.defaultValue, 1),
  };
}

function decodePath(specifier: EnvoyRouteMatch['pathSpecifier'], ignoreCase: boolean, field: string, findings: Findings): StringTest {
  switch (specifier?.$case) {
    case 'prefix':
      return specifier.value === '/' || specifier.value === '' ? anything : startsWith(specifier.value, ignoreCase);
    case 'path':
      return exactly(specifier.value, ignoreCase);
    case 'pathSeparatedPrefix': {
      const whole = exactly(specifier.value, ignoreCase);
      const below = startsWith(`${specifier.value}/`, ignoreCase);
      return stringTest(`path prefix "${specifier.value}"`, (path) => whole(path) || below(path), specifier.value);
    }
    case 'safeRegex':
      return decodeRegex(specifier.value.regex, field, findings);
    case 'connectMatcher':
      return anything;
    default:
      findings.report(field, `path specifier ${specifier?.$case ?? 'is missing'}${specifier ? ' is not supported' : ''}`);
      return never;
  }
}

/** As a number in [0, 1]. */
export function fractionOf(percent: FractionalPercent | undefined, otherwise: number): number {
  if (percent === undefined) return otherwise;
  return percent.numerator / denominators[percent.denominator as 0 | 1 | 2];
}

const denominators = {
  [FractionalPercent_DenominatorType.HUNDRED]: 100,
  [FractionalPercent_DenominatorType.TEN_THOUSAND]: 10_000,
  [FractionalPercent_DenominatorType.MILLION]: 1_000_000,
} as const;
