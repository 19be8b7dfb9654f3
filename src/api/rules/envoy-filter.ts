// What Istio asks of an EnvoyFilter beyond its structure: that patch, match and object belong together.

import { isPlainObject } from '../json.ts';
import type { ConfigPatch, EnvoyFilter } from '../kinds/envoy-filter.ts';
import { regexProblem } from '../regex-problem.ts';
import { warnOfEmptySelector } from './policy-target.ts';
import type { Report } from './report.ts';

type Match = NonNullable<ConfigPatch['match']>;
type Patched = NonNullable<ConfigPatch['applyTo']>;

export function checkEnvoyFilter({ spec = {} }: EnvoyFilter, report: Report): void {
  report.warning(
    'UNSTABLE_API',
    'spec',
    "patches Envoy's configuration, whose shape may change with any release",
    'prefer another resource where one can do it',
  );
  warnOfEmptySelector(spec.workloadSelector && (spec.workloadSelector.labels ?? {}), 'spec.workloadSelector', report);
  for (const [index, patch] of (spec.configPatches ?? []).entries()) checkConfigPatch(patch, `spec.configPatches[${index}]`, report);
}

function checkConfigPatch({ applyTo = 'INVALID', match, patch }: ConfigPatch, at: string, report: Report): void {
  const { operation = 'INVALID', value } = patch ?? {};
  if (applyTo === 'INVALID') report.error('MISSING_FIELD', `${at}.applyTo`, 'what is patched has to be said', 'such as HTTP_FILTER');
  else if (!patch) report.error('MISSING_FIELD', `${at}.patch`, 'this field is required');
  else if (operation === 'INVALID') report.error('MISSING_FIELD', `${at}.patch.operation`, 'the operation has to be said', 'such as MERGE');
  else if (operation !== 'REMOVE' && value === undefined) {
    report.error('MISSING_FIELD', `${at}.patch.value`, `operation ${operation} requires a value`);
  } else {
    if (match) checkMatch(applyTo, match, `${at}.match`, report);
    checkTypes(value, `${at}.patch.value`, report);
  }
}

/** Which match tells objects of a class apart. */
const matchOf: Partial<Record<Patched, 'listener' | 'routeConfiguration' | 'cluster'>> = {
  LISTENER: 'listener',
  FILTER_CHAIN: 'listener',
  NETWORK_FILTER: 'listener',
  HTTP_FILTER: 'listener',
  ROUTE_CONFIGURATION: 'routeConfiguration',
  VIRTUAL_HOST: 'routeConfiguration',
  HTTP_ROUTE: 'routeConfiguration',
  CLUSTER: 'cluster',
};
const objectMatches = ['listener', 'routeConfiguration', 'cluster'] as const;

function checkMatch(applyTo: Patched, match: Match, at: string, report: Report): void {
  const versions = match.proxy?.proxyVersion;
  // Envoy never sees it, so its length has no bound.
  const problem = versions ? regexProblem(versions) : undefined;
  if (problem) report.error('INVALID_REGEX', `${at}.proxy.proxyVersion`, `"${versions}" is no regular expression: ${problem}`);
  const wanted = matchOf[applyTo];
  const given = objectMatches.find((name) => match[name] !== undefined);
  if (wanted && given && given !== wanted) {
    report.error('CONFLICTING_FIELDS', `${at}.${given}`, `applyTo ${applyTo} is matched by ${wanted}, not by ${given}`);
  } else if (wanted === 'listener') checkFilter(applyTo, match.listener?.filterChain?.filter, `${at}.listener.filterChain.filter`, report);
}

type Filter = NonNullable<NonNullable<Match['listener']>['filterChain']>['filter'];

function checkFilter(applyTo: Patched, filter: Filter, at: string, report: Report): void {
  if (!filter) return;
  if (applyTo === 'LISTENER' || applyTo === 'FILTER_CHAIN')
    report.warning('NO_EFFECT', at, `a filter is not looked at for applyTo ${applyTo}`);
  if (!filter.name) report.error('MISSING_FIELD', `${at}.name`, 'this field is required');
  else if (filter.subFilter) checkSubFilter(applyTo, filter.name, filter.subFilter.name, at, report);
}

const connectionManagers = ['envoy.filters.network.http_connection_manager', 'envoy.http_connection_manager'];

function checkSubFilter(applyTo: Patched, filter: string, name: string | undefined, at: string, report: Report): void {
  if (applyTo !== 'HTTP_FILTER')
    report.error('CONFLICTING_FIELDS', `${at}.subFilter`, `subFilter is for applyTo HTTP_FILTER, not ${applyTo}`);
  else if (!connectionManagers.includes(filter)) {
    report.error('CONFLICTING_FIELDS', `${at}.subFilter`, `only ${connectionManagers[0]} has filters inside, not ${filter}`);
  } else if (!name) report.error('MISSING_FIELD', `${at}.subFilter.name`, 'this field is required');
}

const typesDepthMax = 32;

/** Envoy knows no message of its v2 API any more. */
function checkTypes(value: unknown, at: string, report: Report, depth = 0): void {
  if (depth > typesDepthMax) return;
  if (Array.isArray(value)) for (const [index, element] of value.entries()) checkTypes(element, `${at}[${index}]`, report, depth + 1);
  if (!isPlainObject(value)) return;
  const type = value['@type'];
  if (typeof type === 'string' && isUnknownType(type)) {
    report.error('UNKNOWN_VALUE', at, `unknown type ${type}`, /v2/.test(type) ? 'use the type of the v3 API' : undefined);
  }
  for (const [name, field] of Object.entries(value)) checkTypes(field, `${at}.${name}`, report, depth + 1);
}

function isUnknownType(url: string): boolean {
  const name = url.slice(url.lastIndexOf('/') + 1);
  if (/^envoy\./.test(name)) return !/\.v3(alpha|beta)?\./.test(name);
  return !/^(google|udpa|xds|istio|type|io|test)\./.test(name);
}
