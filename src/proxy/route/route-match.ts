// Whether one route takes a request: path, headers, query, fraction. Pure; every condition must hold.
import type { Random } from '#foundation/random';
import type { RoutedRequest } from './route.ts';
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

export interface QueryTest {
  name: string;
  /** Undefined: the parameter must be there. */
  test: StringTest | undefined;
}

export interface RouteMatch {
  /** Of the path without query and fragment. */
  path: StringTest;
  /** CONNECT requests only, and no others. */
  connect: boolean;
  headers: readonly HeaderTest[];
  query: readonly QueryTest[];
  /** Part of requests in [0, 1] that may match. */
  fraction: number;
}

export function routeMatches(match: RouteMatch, request: RoutedRequest, pathname: string, random: Random): boolean {
  if (match.connect !== (request.method === 'CONNECT')) return false;
  if (!match.connect && !match.path(pathname)) return false;
  for (const header of match.headers) if (!headerMatches(header, request)) return false;
  if (match.query.length > 0 && !queryMatches(match.query, request.path)) return false;
  return match.fraction >= 1 || random.next() < match.fraction;
}

export function headerMatches(header: HeaderTest, request: RoutedRequest): boolean {
  const found = headerValue(request, header.name);
  const value = found === undefined && header.missingAsEmpty ? '' : found;
  // An absent header never matches a value; inverted it does not either, unless presence is what is asked for.
  if (value === undefined) return header.test === undefined && header.invert;
  return (header.test === undefined || header.test(value)) !== header.invert;
}

function headerValue(request: RoutedRequest, name: string): string | undefined {
  switch (name) {
    case ':method':
      return request.method;
    case ':path':
      return request.path;
    case ':authority':
      return request.authority;
    case ':scheme':
      return request.scheme;
    default:
      return request.header(name);
  }
}

function queryMatches(tests: readonly QueryTest[], path: string): boolean {
  const start = path.indexOf('?');
  if (start < 0) return false;
  const end = path.indexOf('#', start);
  const parameters = new Map<string, string>();
  for (const pair of path.slice(start + 1, end < 0 ? undefined : end).split('&')) {
    const equals = pair.indexOf('=');
    const name = equals < 0 ? pair : pair.slice(0, equals);
    // The first value of a repeated parameter counts, undecoded, as in Envoy.
    if (!parameters.has(name)) parameters.set(name, equals < 0 ? '' : pair.slice(equals + 1));
  }
  return tests.every(({ name, test }) => {
    const value = parameters.get(name);
    return value !== undefined && (test === undefined || test(value));
  });
}

/** The path without query and fragment. */
export function pathnameOf(path: string): string {
  for (let i = 0; i < path.length; i++) {
    const c = path.charCodeAt(i);
    if (c === 63 || c === 35) return path.slice(0, i);
  }
  return path;
}
