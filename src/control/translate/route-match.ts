// The conditions of one `match` of a VirtualService as Envoy's RouteMatch.
import type { HttpMatch, StringMatch } from '#api/kinds/virtual-service';
import type { HeaderMatcher, QueryParameterMatcher } from '#codec/protobuf/generated/envoy/config/route/v3/route_components';
import { RouteMatch } from '#codec/protobuf/generated/envoy/config/route/v3/route_components';
import type { RegexMatcher } from '#codec/protobuf/generated/envoy/type/matcher/v3/regex';
import type { StringMatcher } from '#codec/protobuf/generated/envoy/type/matcher/v3/string';

type LooseMatch = Partial<StringMatch>;

/** `undefined`: every request. */
export function routeMatch(match: HttpMatch | undefined): RouteMatch {
  return RouteMatch.fromPartial({
    pathSpecifier: pathSpecifier(match?.uri),
    ...(match?.ignoreUriCase && { caseSensitive: false }),
    headers: match ? headerMatchers(match) : [],
    queryParameters: Object.entries(match?.queryParams ?? {}).map(([name, value]) => queryMatcher(name, value)),
  });
}

function pathSpecifier(uri: LooseMatch | undefined): NonNullable<RouteMatch['pathSpecifier']> {
  if (uri?.exact !== undefined) return { $case: 'path', value: uri.exact };
  if (uri?.regex !== undefined) return { $case: 'safeRegex', value: regexMatcher(uri.regex) };
  return { $case: 'prefix', value: uri?.prefix ?? '/' };
}

function headerMatchers(match: HttpMatch): HeaderMatcher[] {
  const pseudo = { ':method': match.method, ':authority': match.authority, ':scheme': match.scheme };
  return [
    ...Object.entries(pseudo).flatMap(([name, value]) => (value ? [headerMatcher(name, value, false)] : [])),
    ...Object.entries(match.headers ?? {}).map(([name, value]) => headerMatcher(name, value, false)),
    ...Object.entries(match.withoutHeaders ?? {}).map(([name, value]) => headerMatcher(name, value, true)),
  ];
}

/**
 * `without`: the header must not match. One that is absent does not; Envoy says so only when told to take what is
 * missing for an empty value.
 */
function headerMatcher(name: string, match: LooseMatch, without: boolean): HeaderMatcher {
  const matcher = stringMatcher(match);
  return {
    name: name.toLowerCase(),
    headerMatchSpecifier: matcher ? { $case: 'stringMatch', value: matcher } : { $case: 'presentMatch', value: true },
    invertMatch: without,
    treatMissingHeaderAsEmpty: without && matcher !== undefined,
  };
}

function queryMatcher(name: string, match: LooseMatch): QueryParameterMatcher {
  const value = stringMatcher(match);
  return { name, queryParameterMatchSpecifier: value ? { $case: 'stringMatch', value } : { $case: 'presentMatch', value: true } };
}

/** Undefined when any value will do. */
export function stringMatcher(match: LooseMatch): StringMatcher | undefined {
  if (match.exact !== undefined) return { matchPattern: { $case: 'exact', value: match.exact }, ignoreCase: false };
  if (match.prefix !== undefined) return { matchPattern: { $case: 'prefix', value: match.prefix }, ignoreCase: false };
  if (match.regex === undefined || match.regex === '*') return undefined;
  return { matchPattern: { $case: 'safeRegex', value: regexMatcher(match.regex) }, ignoreCase: false };
}

export function regexMatcher(regex: string): RegexMatcher {
  return { engineType: undefined, regex };
}
