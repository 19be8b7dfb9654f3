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

/** Why a route does not take a request. */
export interface Mismatch {
  /** `path`, `method`, `header end-user`, `query parameter q`, `fraction`. */
  condition: string;
  /** What the route asks for. */
  expects: string;
  /** What the request has; undefined: nothing. */
  found: string | undefined;
}

/** The first condition that does not hold, in the order in which they are tested; undefined when all do. Chance is left out. */
export function findMismatch(match: RouteMatch, request: RoutedRequest, pathname: string): Mismatch | undefined {
  if (match.connect !== (request.method === 'CONNECT')) {
    return { condition: 'method', expects: match.connect ? 'CONNECT' : 'any but CONNECT', found: request.method };
  }
  if (!match.connect && !match.path(pathname)) return { condition: 'path', expects: match.path.expects, found: pathname };
  const header = match.headers.find((test) => !headerMatches(test, request));
  if (header !== undefined) {
    const { name, test, invert } = header;
    const expects = test === undefined ? (invert ? 'absent' : 'present') : `${invert ? 'not ' : ''}${test.expects}`;
    return { condition: name.startsWith(':') ? name.slice(1) : `header ${name}`, expects, found: headerValue(request, name) };
  }
  const query = match.query.find((test) => !queryMatches([test], request.path));
  if (query !== undefined) {
    const found = queryParameters(request.path).get(query.name);
    return { condition: `query parameter ${query.name}`, expects: query.test?.expects ?? 'present', found };
  }
  return match.fraction <= 0 ? { condition: 'fraction', expects: 'a part of the requests', found: 'none' } : undefined;
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
  const parameters = queryParameters(path);
  return tests.every(({ name, test }) => {
    const value = parameters.get(name);
    return value !== undefined && (test === undefined || test(value));
  });
}

/** The first value of a repeated parameter counts, undecoded, as in Envoy. */
function queryParameters(path: string): ReadonlyMap<string, string> {
  const start = path.indexOf('?');
  if (start < 0) return new Map();
  const end = path.indexOf('#', start);
  const parameters = new Map<string, string>();
  for (const pair of path.slice(start + 1, end < 0 ? undefined : end).split('&')) {
    const equals = pair.indexOf('=');
    const name = equals < 0 ? pair : pair.slice(0, equals);
    if (!parameters.has(name)) parameters.set(name, equals < 0 ? '' : pair.slice(equals + 1));
  }
  return parameters;
}

/** The path without query and fragment. */
export function pathnameOf(path: string): string {
  for (let i = 0; i < path.length; i++) {
    const c = path.charCodeAt(i);
    if (c === 63 || c === 35) return path.slice(0, i);
  }
  return path;
}
