// What Istio asks of one HTTP rule of a VirtualService beyond its structure.
import { durationMs } from '../duration.ts';
import { fieldPath } from '../field-path.ts';
import type { Destination, HttpMatch, HttpRoute, StringMatch } from '../kinds/virtual-service.ts';
import { isDnsLabel, isHeaderName, isWildcardHost } from './names.ts';
import type { Report } from './report.ts';

const responseBodyBytesMax = 1024 * 1024;

/** `delegated`: the rule stands in a VirtualService without hosts, which another one delegates to. */
export function checkHttpRoute(rule: HttpRoute, at: string, delegated: boolean, report: Report): void {
  checkAction(rule, at, delegated, report);
  for (const [index, match] of (rule.match ?? []).entries()) checkHttpMatch(match, `${at}.match[${index}]`, report);
  checkWeights(rule.route ?? [], `${at}.route`, report);
  for (const [index, route] of (rule.route ?? []).entries()) checkHeaders(route.headers, `${at}.route[${index}].headers`, report);
  checkHeaders(rule.headers, `${at}.headers`, report);
  checkRewrite(rule, at, report);
  checkRedirect(rule, at, report);
  checkDirectResponse(rule, at, report);
  checkFault(rule, at, report);
  checkRetries(rule, at, report);
  checkMirror(rule, at, report);
}

const actions = ['route', 'redirect', 'directResponse', 'delegate'] as const;

function checkAction(rule: HttpRoute, at: string, delegated: boolean, report: Report): void {
  const given = actions.filter((action) => rule[action] !== undefined && !(action === 'route' && rule.route?.length === 0));
  if (given.length === 0) {
    report.error('MISSING_FIELD', at, 'the rule does nothing: one of route, redirect, directResponse, delegate is required');
  } else if (given.length > 1) {
    report.error('CONFLICTING_FIELDS', at, `${given.join(' and ')} exclude each other`, 'keep one of them, or make two rules');
  }
  for (const action of ['redirect', 'directResponse'] as const) {
    for (const other of ['fault', 'rewrite'] as const) {
      if (rule[action] && rule[other]) report.error('CONFLICTING_FIELDS', `${at}.${other}`, `${action} and ${other} exclude each other`);
    }
  }
  if (delegated && rule.delegate) {
    report.error('INVALID_VALUE', `${at}.delegate`, 'a VirtualService without hosts is itself a delegate, and may not delegate further');
  }
}

const stringMatchFields = ['uri', 'scheme', 'method', 'authority'] as const;

function checkHttpMatch(match: HttpMatch, at: string, report: Report): void {
  for (const name of stringMatchFields) checkStringMatch(match[name], `${at}.${name}`, report);
  for (const name of ['headers', 'withoutHeaders', 'queryParams'] as const) {
    for (const [key, condition] of Object.entries(match[name] ?? {})) {
      const place = `${at}.${name}${fieldPath(['_', key]).slice(1)}`;
      if (name === 'queryParams' ? key === '' : !isHeaderName(key)) {
        report.error('INVALID_NAME', place, `"${key}" is no name of a ${name === 'queryParams' ? 'query parameter' : 'header'}`);
      }
      checkStringMatch(condition as StringMatch, place, report);
    }
  }
}

function checkStringMatch(match: StringMatch | undefined, at: string, report: Report): void {
  if (match?.prefix === '') report.error('INVALID_VALUE', `${at}.prefix`, 'an empty prefix matches everything', 'leave the condition out');
  if (match?.regex === '') report.error('INVALID_VALUE', `${at}.regex`, 'the regular expression is empty');
}

/** Of HTTP, TLS and TCP rules alike. */
export function checkWeights(routes: readonly { destination: Destination; weight?: number }[], at: string, report: Report): void {
  let total = 0;
  for (const [index, { destination, weight = 0 }] of routes.entries()) {
    if (weight < 0) report.error('OUT_OF_RANGE', `${at}[${index}].weight`, `must be at least 0, not ${weight}`);
    total += weight;
    checkDestination(destination, `${at}[${index}].destination`, report);
  }
  const explicit = routes.some((route) => route.weight !== undefined);
  if (total === 0 && (routes.length > 1 || explicit)) {
    report.error('INVALID_WEIGHTS', at, 'all weights are 0: no request could be routed', 'give one of the destinations a weight above 0');
  }
}

export function checkDestination(destination: Destination, at: string, report: Report): void {
  const { host, subset } = destination;
  if (host === '*' || !isWildcardHost(host)) report.error('INVALID_HOST', `${at}.host`, `"${host}" is no name of a host`);
  if (subset !== undefined && !isDnsLabel(subset)) report.error('INVALID_NAME', `${at}.subset`, `"${subset}" is no name of a subset`);
}

function checkHeaders(headers: HttpRoute['headers'], at: string, report: Report): void {
  for (const direction of ['request', 'response'] as const) {
    const operations = headers?.[direction];
    if (!operations) continue;
    for (const operation of ['set', 'add'] as const) {
      for (const name of Object.keys(operations[operation] ?? {})) {
        const place = `${at}.${direction}.${operation}${fieldPath(['_', name]).slice(1)}`;
        if (!isHeaderName(name)) report.error('INVALID_NAME', place, `"${name}" is no name of a header`);
      }
    }
    for (const [index, name] of (operations.remove ?? []).entries()) {
      if (!isHeaderName(name)) report.error('INVALID_NAME', `${at}.${direction}.remove[${index}]`, `"${name}" is no name of a header`);
    }
  }
}

function checkRewrite({ rewrite }: HttpRoute, at: string, report: Report): void {
  if (!rewrite) return;
  if (!rewrite.uri && !rewrite.authority && !rewrite.uriRegexRewrite) {
    report.error('MISSING_FIELD', `${at}.rewrite`, 'one of uri, authority, uriRegexRewrite is required');
  }
  if (rewrite.uri && rewrite.uriRegexRewrite) {
    report.error('CONFLICTING_FIELDS', `${at}.rewrite`, 'uri and uriRegexRewrite exclude each other', 'keep one of them');
  }
}

function checkRedirect({ redirect }: HttpRoute, at: string, report: Report): void {
  if (!redirect) return;
  const { uri, prefixRewrite, authority, scheme, port, derivePort, redirectCode } = redirect;
  if (!uri && !prefixRewrite && !authority && !scheme && port === undefined && derivePort === undefined) {
    report.error('MISSING_FIELD', `${at}.redirect`, 'one of uri, authority, scheme, port, derivePort is required');
  }
  if (redirectCode !== undefined && redirectCode !== 0 && (redirectCode < 300 || redirectCode > 399)) {
    report.error('OUT_OF_RANGE', `${at}.redirect.redirectCode`, `must be between 300 and 399, not ${redirectCode}`);
  }
  if (scheme !== undefined && scheme !== 'http' && scheme !== 'https') {
    report.error('UNKNOWN_VALUE', `${at}.redirect.scheme`, `unknown scheme "${scheme}": must be http or https`);
  }
}

function checkDirectResponse({ directResponse }: HttpRoute, at: string, report: Report): void {
  if (!directResponse) return;
  checkStatus(directResponse.status, `${at}.directResponse.status`, report);
  const { string = '', bytes = '' } = directResponse.body ?? {};
  if (Math.max(string.length, (bytes.length * 3) / 4) > responseBodyBytesMax) {
    report.error('TOO_LARGE', `${at}.directResponse.body`, `is larger than ${responseBodyBytesMax} bytes`);
  }
}

function checkStatus(status: number, field: string, report: Report): void {
  if (status < 200 || status > 599) report.error('OUT_OF_RANGE', field, `must be a status between 200 and 599, not ${status}`);
}

const grpcStatusNames = [
  ...['OK', 'CANCELLED', 'UNKNOWN', 'INVALID_ARGUMENT', 'DEADLINE_EXCEEDED', 'NOT_FOUND', 'ALREADY_EXISTS', 'PERMISSION_DENIED'],
  ...['RESOURCE_EXHAUSTED', 'FAILED_PRECONDITION', 'ABORTED', 'OUT_OF_RANGE', 'UNIMPLEMENTED', 'INTERNAL', 'UNAVAILABLE'],
  ...['DATA_LOSS', 'UNAUTHENTICATED'],
];

function checkFault({ fault }: HttpRoute, at: string, report: Report): void {
  if (!fault) return;
  if (!fault.delay && !fault.abort) report.error('MISSING_FIELD', `${at}.fault`, 'one of delay, abort is required');
  const { percent } = fault.delay ?? {};
  if (percent !== undefined && (percent < 0 || percent > 100)) {
    report.error('OUT_OF_RANGE', `${at}.fault.delay.percent`, `must be between 0 and 100, not ${percent}`);
  }
  const { httpStatus, grpcStatus, http2Error } = fault.abort ?? {};
  if (httpStatus !== undefined) checkStatus(httpStatus, `${at}.fault.abort.httpStatus`, report);
  if (grpcStatus !== undefined && !grpcStatusNames.includes(grpcStatus) && !/^(1[0-6]|\d)$/.test(grpcStatus)) {
    report.error(
      'UNKNOWN_VALUE',
      `${at}.fault.abort.grpcStatus`,
      `unknown status "${grpcStatus}": must be one of ${grpcStatusNames.join(', ')}`,
    );
  }
  if (http2Error !== undefined)
    report.error('UNSUPPORTED', `${at}.fault.abort.http2Error`, 'aborting with an HTTP/2 error is not supported');
}

const retryConditions = [
  ...['5xx', 'gateway-error', 'reset', 'reset-before-request', 'connect-failure', 'envoy-ratelimited', 'retriable-4xx', 'refused-stream'],
  ...['retriable-status-codes', 'retriable-headers', 'http3-post-connect-failure', 'cancelled', 'deadline-exceeded', 'internal'],
  ...['resource-exhausted', 'unavailable'],
];

function checkRetries({ retries }: HttpRoute, at: string, report: Report): void {
  if (!retries) return;
  const { attempts = 0, retryOn, perTryTimeout } = retries;
  if (attempts < 0) report.error('OUT_OF_RANGE', `${at}.retries.attempts`, `must be at least 0, not ${attempts}`);
  if (attempts === 0 && (retryOn || (perTryTimeout && durationMs(perTryTimeout)))) {
    report.error(
      'CONFLICTING_FIELDS',
      `${at}.retries`,
      'retries are switched off by attempts 0, yet configured',
      'set attempts above 0, or leave the rest out',
    );
  }
  for (const condition of (retryOn ?? '').split(',').map((word) => word.trim())) {
    const status = /^[1-5]\d\d$/.test(condition);
    if (condition !== '' && !status && !retryConditions.includes(condition)) {
      report.error(
        'UNKNOWN_VALUE',
        `${at}.retries.retryOn`,
        `unknown condition "${condition}"`,
        `known: ${retryConditions.join(', ')}, or a status`,
      );
    }
  }
}

function checkMirror(rule: HttpRoute, at: string, report: Report): void {
  if (rule.mirror && rule.mirrors?.length)
    report.error('CONFLICTING_FIELDS', `${at}.mirror`, 'mirror and mirrors exclude each other', 'use mirrors');
  if (rule.mirror) checkDestination(rule.mirror, `${at}.mirror`, report);
  for (const [index, { destination }] of (rule.mirrors ?? []).entries())
    checkDestination(destination, `${at}.mirrors[${index}].destination`, report);
  for (const field of ['mirrorPercent', 'mirror_percent'] as const) {
    const value = rule[field];
    if (value !== undefined && value > 100) report.error('OUT_OF_RANGE', `${at}.${field}`, `must be between 0 and 100, not ${value}`);
  }
}
