// What Istio asks of one HTTP rule of a VirtualService beyond its structure.
import { durationMs } from '#foundation/duration';
import { fieldPath } from '../field-path.ts';
import { grpcStatuses } from '../grpc-status.ts';
import type { Destination, HttpMatch, HttpRoute, StringMatch } from '../kinds/virtual-service.ts';
import { matcherRegexProblem } from '../regex-problem.ts';
import { checkGatewayNames } from './gateway-name.ts';
import { headerValueProblem } from './header-value.ts';
import { checkLabels } from './metadata.ts';
import { isHeaderName, isName, isWildcardHost } from './names.ts';
import type { Report } from './report.ts';

const responseBodyBytesMax = 1024 * 1024;
/** Every proxy that has the route holds the body. */
const responseBodyBytesWarned = 100 * 1024;

export interface RulePlace {
  /** In a VirtualService without hosts, which another one delegates to. */
  delegated: boolean;
  /** Only gateways route by it, not the sidecars of the mesh. */
  forGateways: boolean;
}

export function checkHttpRoute(rule: HttpRoute, at: string, { delegated, forGateways }: RulePlace, report: Report): void {
  checkAction(rule, at, delegated, report);
  for (const [index, match] of (rule.match ?? []).entries()) checkHttpMatch(match, `${at}.match[${index}]`, forGateways, report);
  checkWeights(rule.route ?? [], `${at}.route`, report);
  for (const [index, route] of (rule.route ?? []).entries()) checkHeaders(route.headers, `${at}.route[${index}].headers`, report);
  checkHeaders(rule.headers, `${at}.headers`, report);
  checkAuthorityOnce(rule, at, report);
  checkRewrite(rule, at, report);
  checkRedirect(rule, at, report);
  checkDirectResponse(rule, at, report);
  checkFault(rule, at, report);
  checkRetries(rule, at, report);
  checkMirror(rule, at, report);
  checkCorsPolicy(rule.corsPolicy, `${at}.corsPolicy`, report);
}

function checkAction(rule: HttpRoute, at: string, delegated: boolean, report: Report): void {
  const conflict = (one: keyof HttpRoute, other: keyof HttpRoute) => {
    const [a, b] = [rule[one], rule[other]];
    if (a === undefined || b === undefined || (Array.isArray(a) && a.length === 0)) return;
    report.error('CONFLICTING_FIELDS', at, `${one} and ${other} exclude each other`, 'keep one of them, or make two rules');
  };
  conflict('mirror', 'mirrors');
  if (rule.delegate && delegated) {
    report.error('INVALID_VALUE', `${at}.delegate`, 'a VirtualService without hosts is itself a delegate, and may not delegate further');
  } else if (rule.delegate) {
    conflict('route', 'delegate');
    conflict('redirect', 'delegate');
    return;
  }
  conflict('route', 'redirect');
  conflict('route', 'directResponse');
  conflict('redirect', 'directResponse');
  for (const action of ['redirect', 'directResponse'] as const) {
    conflict('fault', action);
    conflict('rewrite', action);
  }
  if (!rule.redirect && !rule.directResponse && !rule.route?.length) {
    report.error('MISSING_FIELD', at, 'the rule does nothing: one of route, redirect, directResponse, delegate is required');
  }
}

/** A claim of the token that a RequestAuthentication took: `@request.auth.claims.group` or `[group]`. */
const claimName = /^@request\.auth\.claims(\..+|\[.+\])$/;

function checkHttpMatch(match: HttpMatch, at: string, forGateways: boolean, report: Report): void {
  // An empty prefix of paths takes them all, and Envoy allows it.
  if (match.uri?.regex === '') report.error('INVALID_VALUE', `${at}.uri.regex`, 'the regular expression is empty');
  for (const name of ['scheme', 'method', 'authority'] as const) checkStringMatch(match[name], `${at}.${name}`, report);
  for (const name of ['headers', 'withoutHeaders', 'queryParams'] as const) {
    for (const [key, condition] of Object.entries(match[name] ?? {})) {
      const place = `${at}.${name}${fieldPath(['_', key]).slice(1)}`;
      if (claimName.test(key) && name !== 'queryParams') {
        if (!forGateways) report.error('UNSUPPORTED', place, 'routes by the claims of a token are for gateways', 'set spec.gateways');
      } else if (name !== 'queryParams' && !isHeaderName(key)) {
        report.error('INVALID_NAME', place, `"${key}" is no name of a header`);
      }
      const isPresence = name === 'withoutHeaders' && condition.regex === '*';
      if (!isPresence) checkStringMatch(condition as StringMatch, place, report);
    }
  }
  checkLabels(`${at}.sourceLabels`, match.sourceLabels ?? {}, report);
  checkGatewayNames(match.gateways ?? [], `${at}.gateways`, report);
  if (match.sourceNamespace && !isName(match.sourceNamespace)) {
    report.error('INVALID_NAME', `${at}.sourceNamespace`, `"${match.sourceNamespace}" is no namespace`);
  }
}

function checkStringMatch(match: StringMatch | undefined, at: string, report: Report): void {
  if (match?.prefix === '') report.error('INVALID_VALUE', `${at}.prefix`, 'an empty prefix matches everything', 'leave the condition out');
  const { regex } = match ?? {};
  if (regex === '') report.error('INVALID_VALUE', `${at}.regex`, 'the regular expression is empty');
  const problem = regex ? matcherRegexProblem(regex) : undefined;
  if (problem) report.error('INVALID_REGEX', `${at}.regex`, `"${regex}" is no regular expression: ${problem}`);
}

/** Of HTTP, TLS and TCP rules alike. */
export function checkWeights(routes: readonly { destination: Destination; weight?: number }[], at: string, report: Report): void {
  let total = 0;
  for (const [index, { destination, weight = 0 }] of routes.entries()) {
    if (weight < 0) report.error('OUT_OF_RANGE', `${at}[${index}].weight`, `must be at least 0, not ${weight}`);
    total += weight;
    checkDestination(destination, `${at}[${index}].destination`, report);
  }
  // One destination takes everything, whatever its weight.
  if (total === 0 && routes.length > 1) {
    report.error('INVALID_WEIGHTS', at, 'all weights are 0: no request could be routed', 'give one of the destinations a weight above 0');
  }
}

export function checkDestination({ host, subset, port }: Destination, at: string, report: Report): void {
  if (host === '*' || !isWildcardHost(host)) report.error('INVALID_HOST', `${at}.host`, `"${host}" is no name of a host`);
  if (subset && !isName(subset)) report.error('INVALID_NAME', `${at}.subset`, `"${subset}" is no name of a subset`);
  if (port && port.number === undefined) report.error('MISSING_FIELD', `${at}.port.number`, 'this field is required');
}

function checkHeaders(headers: HttpRoute['headers'], at: string, report: Report): void {
  for (const direction of ['request', 'response'] as const) {
    const { set = {}, add = {}, remove = [] } = headers?.[direction] ?? {};
    const mayBeAuthority = direction === 'request';
    for (const [operation, values] of Object.entries({ set, add })) {
      for (const [name, value] of Object.entries(values)) {
        const place = `${at}.${direction}.${operation}${fieldPath(['_', name]).slice(1)}`;
        checkWrittenName(name, place, mayBeAuthority, report);
        const problem = headerValueProblem(value);
        if (problem) report.error('INVALID_VALUE', place, `"${value}" ${problem}`, 'write %% for a percent sign');
      }
    }
    for (const [index, name] of remove.entries()) checkWrittenName(name, `${at}.${direction}.remove[${index}]`, false, report);
  }
}

const isAuthority = (name: string) => /^(:authority|host)$/i.test(name);

function checkWrittenName(name: string, field: string, mayBeAuthority: boolean, report: Report): void {
  if (mayBeAuthority && isAuthority(name)) return;
  if (name.startsWith(':') || isAuthority(name)) report.error('UNSUPPORTED', field, `"${name}" cannot be changed here`);
  else if (!isHeaderName(name)) report.error('INVALID_NAME', field, `"${name}" is no name of a header`);
}

/** rewrite.authority and the header Host say the same: one of them only, once. */
function checkAuthorityOnce({ rewrite, headers }: HttpRoute, at: string, report: Report): void {
  const { set = {}, add = {} } = headers?.request ?? {};
  const values = [
    rewrite?.authority,
    ...[set, add].flatMap((each) => Object.entries(each).map(([name, value]) => isAuthority(name) && value)),
  ];
  if (values.filter(Boolean).length > 1) {
    report.error(
      'CONFLICTING_FIELDS',
      at,
      'the authority is written more than once: by rewrite.authority and by a header',
      'keep one of them',
    );
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
  for (const name of ['match', 'rewrite'] as const) {
    if (rewrite.uriRegexRewrite && !rewrite.uriRegexRewrite[name]) {
      report.error('MISSING_FIELD', `${at}.rewrite.uriRegexRewrite.${name}`, 'must not be empty');
    }
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
  if (scheme && scheme !== 'http' && scheme !== 'https') {
    report.error('UNKNOWN_VALUE', `${at}.redirect.scheme`, `unknown scheme "${scheme}": must be http or https`);
  }
}

function checkDirectResponse({ directResponse }: HttpRoute, at: string, report: Report): void {
  if (!directResponse) return;
  checkStatus(directResponse.status, `${at}.directResponse.status`, report);
  const { string = '', bytes = '' } = directResponse.body ?? {};
  const size = Math.max(Buffer.byteLength(string), (bytes.length * 3) / 4);
  const field = `${at}.directResponse.body`;
  if (size > responseBodyBytesMax) report.error('TOO_LARGE', field, `is larger than ${responseBodyBytesMax} bytes`);
  else if (size > responseBodyBytesWarned) report.warning('TOO_LARGE', field, `is larger than ${responseBodyBytesWarned} bytes`);
}

function checkStatus(status: number, field: string, report: Report): void {
  if (status < 200 || status > 600) report.error('OUT_OF_RANGE', field, `must be a status between 200 and 599, not ${status}`);
}

function checkFault({ fault }: HttpRoute, at: string, report: Report): void {
  if (!fault) return;
  const { delay, abort } = fault;
  if (!delay && !abort) report.error('MISSING_FIELD', `${at}.fault`, 'one of delay, abort is required');
  checkPercentage(delay?.percentage, `${at}.fault.delay`, report);
  checkPercentage(abort?.percentage, `${at}.fault.abort`, report);
  const { percent } = delay ?? {};
  if (percent !== undefined && (percent < 0 || percent > 100)) {
    report.error('OUT_OF_RANGE', `${at}.fault.delay.percent`, `must be between 0 and 100, not ${percent}`);
  }
  if (delay?.exponentialDelay) report.error('UNSUPPORTED', `${at}.fault.delay.exponentialDelay`, 'exponential delays are not supported');
  const { httpStatus, grpcStatus, http2Error } = abort ?? {};
  if (abort && httpStatus === undefined && grpcStatus === undefined && http2Error === undefined) {
    report.warning('MISSING_FIELD', `${at}.fault.abort`, 'aborts nothing: one of httpStatus, grpcStatus is missing');
  }
  if (httpStatus !== undefined) checkStatus(httpStatus, `${at}.fault.abort.httpStatus`, report);
  if (grpcStatus !== undefined && !grpcStatuses.includes(grpcStatus)) {
    const message = `unknown status "${grpcStatus}": must be one of ${grpcStatuses.join(', ')}`;
    report.error('UNKNOWN_VALUE', `${at}.fault.abort.grpcStatus`, message);
  }
  if (http2Error !== undefined)
    report.error('UNSUPPORTED', `${at}.fault.abort.http2Error`, 'aborting with an HTTP/2 error is not supported');
}

/** Envoy counts in millionths. */
const percentMin = 0.0001;

function checkPercentage(percentage: { value?: number } | undefined, at: string, report: Report): void {
  const { value = 0 } = percentage ?? {};
  if (value > 0 && value < percentMin)
    report.error('OUT_OF_RANGE', `${at}.percentage.value`, `must be 0 or at least ${percentMin}, not ${value}`);
}

const retryConditions = [
  ...['5xx', 'gateway-error', 'reset', 'reset-before-request', 'connect-failure', 'envoy-ratelimited', 'retriable-4xx', 'refused-stream'],
  ...['retriable-status-codes', 'retriable-headers', 'http3-post-connect-failure', 'cancelled', 'deadline-exceeded', 'internal'],
  ...['resource-exhausted', 'unavailable'],
];

/** Those that have a name (RFC 9110 and the registry that it began). */
const statuses = new Set(
  [
    ...[100, 101, 102, 103, 200, 201, 202, 203, 204, 205, 206, 207, 208, 226, 300, 301, 302, 303, 304, 305, 307, 308],
    ...[400, 401, 402, 403, 404, 405, 406, 407, 408, 409, 410, 411, 412, 413, 414, 415, 416, 417, 418, 421, 422, 423, 424, 425, 426],
    ...[428, 429, 431, 451, 500, 501, 502, 503, 504, 505, 506, 507, 508, 510, 511],
  ].map(String),
);

function checkRetries({ retries }: HttpRoute, at: string, report: Report): void {
  if (!retries) return;
  const { attempts = 0, retryOn, perTryTimeout, retryRemoteLocalities } = retries;
  if (attempts < 0) report.error('OUT_OF_RANGE', `${at}.retries.attempts`, `must be at least 0, not ${attempts}`);
  if (attempts === 0 && (retryOn || perTryTimeout !== undefined || retryRemoteLocalities !== undefined)) {
    const message = 'retries are switched off by attempts 0, yet configured';
    report.error('CONFLICTING_FIELDS', `${at}.retries`, message, 'set attempts above 0, or leave the rest out');
  }
  for (const condition of retryOn ? retryOn.split(',') : []) {
    const isStatus = statuses.has(condition);
    if (!isStatus && !retryConditions.includes(condition)) {
      const hint = `known: ${retryConditions.join(', ')}, or a status; separated by commas without blanks`;
      report.error('UNKNOWN_VALUE', `${at}.retries.retryOn`, `unknown condition "${condition}"`, hint);
    }
  }
}

function checkMirror(rule: HttpRoute, at: string, report: Report): void {
  if (rule.mirror) checkDestination(rule.mirror, `${at}.mirror`, report);
  for (const [index, { destination }] of (rule.mirrors ?? []).entries())
    checkDestination(destination, `${at}.mirrors[${index}].destination`, report);
  for (const field of ['mirrorPercent', 'mirror_percent'] as const) {
    const value = rule[field];
    if (value !== undefined && value > 100) report.error('OUT_OF_RANGE', `${at}.${field}`, `must be between 0 and 100, not ${value}`);
    if (value !== undefined) report.warning('DEPRECATED', `${at}.${field}`, 'is deprecated', 'use mirrorPercentage');
  }
}

const corsMethods = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'CONNECT', 'OPTIONS', 'TRACE'];

function checkCorsPolicy(policy: HttpRoute['corsPolicy'], at: string, report: Report): void {
  if (!policy) return;
  const { allowOrigins = [], allowMethods = [], maxAge } = policy;
  for (const [index, { exact, prefix, regex }] of allowOrigins.entries()) {
    if (!exact && !prefix && !regex)
      report.error('MISSING_FIELD', `${at}.allowOrigins[${index}]`, 'one of exact, prefix, regex is required');
  }
  for (const [index, method] of allowMethods.entries()) {
    const message = `unknown method "${method}": must be one of ${corsMethods.join(', ')}`;
    if (!corsMethods.includes(method)) report.error('UNKNOWN_VALUE', `${at}.allowMethods[${index}]`, message);
  }
  for (const name of ['allowHeaders', 'exposeHeaders'] as const) {
    for (const [index, header] of (policy[name] ?? []).entries()) {
      if (header !== '*' && !isHeaderName(header))
        report.error('INVALID_NAME', `${at}.${name}[${index}]`, `"${header}" is no name of a header`);
    }
  }
  if (maxAge && (durationMs(maxAge) ?? 0) % 1000 !== 0)
    report.error('INVALID_DURATION', `${at}.maxAge`, `"${maxAge}" is no number of whole seconds`);
}
