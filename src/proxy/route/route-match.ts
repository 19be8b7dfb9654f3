// Whether one route takes a request: path, headers, query, fraction. Pure; every condition must hold.
import type { Regex } from '#codec/regex';
import type { Random } from '#foundation/random';
import { type HeaderTest, valueMatches } from './header-test.ts';
import type { RoutedRequest } from './route.ts';
import type { StringTest } from './string-matcher.ts';

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
  // Most routes are passed over for their path: that comes first.
  if (!match.connect && !match.path(pathname)) return false;
  if (match.connect !== (request.method === 'CONNECT')) return false;
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
  for (const { condition, expects, found } of unmetConditions(match, request, pathname)) return { condition, expects, found };
  return undefined;
}

/** A condition that does not hold, and what would make it hold. */
export interface UnmetCondition extends Mismatch {
  /** `:method`, `:path`, `?` before the name of a query parameter, or a header's name; undefined: nothing of the request. */
  subject: string | undefined;
  /** A value that it takes; `present`: any; `absent`: none; `other`: any but the one that was found. */
  wants: { kind: 'value'; sample: string | Regex | undefined } | { kind: 'present' } | { kind: 'absent' } | { kind: 'other' };
}

/** Every condition that does not hold, in the order in which they are tested. */
export function* unmetConditions(match: RouteMatch, request: RoutedRequest, pathname: string): Iterable<UnmetCondition> {
  const { method } = request;
  if (match.connect !== (method === 'CONNECT')) {
    const wants = match.connect ? ({ kind: 'value', sample: 'CONNECT' } as const) : ({ kind: 'other' } as const);
    yield { subject: ':method', condition: 'method', expects: match.connect ? 'CONNECT' : 'any but CONNECT', found: method, wants };
  }
  if (!match.connect && !match.path(pathname)) {
    const { expects, sample } = match.path;
    yield { subject: ':path', condition: 'path', expects, found: pathname, wants: { kind: 'value', sample } };
  }
  for (const header of match.headers) if (!headerMatches(header, request)) yield unmetHeader(header, request);
  for (const query of match.query) {
    if (queryMatches([query], request.path)) continue;
    const { name, test } = query;
    const found = queryParameters(request.path).get(name);
    const wants = test === undefined ? ({ kind: 'present' } as const) : ({ kind: 'value', sample: test.sample } as const);
    yield { subject: `?${name}`, condition: `query parameter ${name}`, expects: test?.expects ?? 'present', found, wants };
  }
  if (match.fraction <= 0) {
    const wants = { kind: 'other' } as const;
    yield { subject: undefined, condition: 'fraction', expects: 'a part of the requests', found: 'none', wants };
  }
}

function unmetHeader({ name, test, invert }: HeaderTest, request: RoutedRequest): UnmetCondition {
  const condition = name.startsWith(':') ? name.slice(1) : `header ${name}`;
  const base = { subject: name, condition, found: headerValue(request, name) };
  if (test === undefined) return { ...base, expects: invert ? 'absent' : 'present', wants: { kind: invert ? 'absent' : 'present' } };
  if (invert) return { ...base, expects: `not ${test.expects}`, wants: { kind: 'other' } };
  return { ...base, expects: test.expects, wants: { kind: 'value', sample: test.sample } };
}

export function headerMatches(header: HeaderTest, request: RoutedRequest): boolean {
  return valueMatches(header, headerValue(request, header.name));
}

/** A header, or what stands for it in the request's own fields: `:method`, `:path`, `:authority`, `:scheme`. */
export function headerValue(request: RoutedRequest, name: string): string | undefined {
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

export function queryMatches(tests: readonly QueryTest[], path: string): boolean {
  const parameters = queryParameters(path);
  return tests.every(({ name, test }) => {
    const value = parameters.get(name);
    return value !== undefined && (test === undefined || test(value));
  });
}

/** Of a path with its query; the first value of a repeated parameter counts, undecoded, as in Envoy. */
export function queryParameters(path: string): ReadonlyMap<string, string> {
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
