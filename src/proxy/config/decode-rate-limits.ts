// Envoy's rate_limits of routes and virtual hosts -> RateLimit.
import type {
  RateLimit_Action as Action,
  RateLimit as EnvoyRateLimit,
} from '#codec/protobuf/generated/envoy/config/route/v3/route_components';
import type { DescriptorEntry, LimitedRequest, RateLimit } from '#proxy/route/rate-limit';
import { headerMatches, queryMatches } from '#proxy/route/route-match';
import { decodeHeaderMatcher, decodeQueryMatcher } from './decode-matcher.ts';
import type { Findings } from './findings.ts';

export function decodeRateLimits(limits: readonly EnvoyRateLimit[], field: string, findings: Findings): RateLimit[] {
  return limits.map(({ stage, actions, limit }, i) => {
    const at = `${field}.rate_limits[${i}]`;
    if (limit !== undefined) findings.report(`${at}.limit`, 'is not supported');
    const makers = actions.map((action, j) => decodeAction(action, `${at}.actions[${j}]`, findings));
    return {
      stage: stage ?? 0,
      describe(request) {
        const entries: DescriptorEntry[] = [];
        for (const make of makers) {
          const entry = make(request);
          if (entry === undefined) return undefined;
          if (entry !== 'skip') entries.push(entry);
        }
        return entries.length === 0 ? undefined : entries;
      },
    };
  });
}

type EntryMaker = (request: LimitedRequest) => DescriptorEntry | 'skip' | undefined;

function decodeAction({ actionSpecifier: action }: Action, field: string, findings: Findings): EntryMaker {
  switch (action?.$case) {
    case 'genericKey': {
      const entry = { key: action.value.descriptorKey || 'generic_key', value: action.value.descriptorValue };
      return () => entry;
    }
    case 'requestHeaders': {
      const { headerName, descriptorKey, skipIfAbsent } = action.value;
      const name = headerName.toLowerCase();
      return (request) => {
        const value = pseudo(request, name) ?? request.header(name);
        return value === undefined || value === '' ? (skipIfAbsent ? 'skip' : undefined) : { key: descriptorKey, value };
      };
    }
    case 'remoteAddress':
      return ({ clientAddress }) => ({ key: 'remote_address', value: clientAddress });
    case 'destinationCluster':
      return ({ destinationCluster }) => ({ key: 'destination_cluster', value: destinationCluster });
    case 'headerValueMatch': {
      const { descriptorKey, descriptorValue, expectMatch, headers } = action.value;
      const tests = headers.map((header, i) => decodeHeaderMatcher(header, `${field}.header_value_match.headers[${i}]`, findings));
      const entry = { key: descriptorKey || 'header_match', value: descriptorValue };
      return (request) => (tests.every((test) => headerMatches(test, request)) === (expectMatch ?? true) ? entry : undefined);
    }
    case 'queryParameterValueMatch': {
      const { descriptorKey, descriptorValue, expectMatch, queryParameters } = action.value;
      const at = `${field}.query_parameter_value_match.query_parameters`;
      const tests = queryParameters.map((parameter, i) => decodeQueryMatcher(parameter, `${at}[${i}]`, findings));
      const entry = { key: descriptorKey || 'query_match', value: descriptorValue };
      return ({ path }) => (queryMatches(tests, path) === (expectMatch ?? true) ? entry : undefined);
    }
    case 'metadata':
      return decodeMetadata(action.value);
    default:
      findings.report(field, `action ${action?.$case ?? 'without a specifier'} is not supported`);
      return () => undefined;
  }
}

type MetadataAction = Extract<NonNullable<Action['actionSpecifier']>, { $case: 'metadata' }>['value'];

function decodeMetadata({ descriptorKey, metadataKey, defaultValue, skipIfAbsent }: MetadataAction): EntryMaker {
  const path = metadataKey?.path.map(({ segment }) => segment?.value ?? '') ?? [];
  return (request) => {
    let value: unknown = request.metadataOf(metadataKey?.key ?? '');
    for (const key of path) value = typeof value === 'object' && value !== null ? (value as Record<string, unknown>)[key] : undefined;
    if (typeof value === 'string' && value !== '') return { key: descriptorKey, value };
    if (defaultValue !== '') return { key: descriptorKey, value: defaultValue };
    return skipIfAbsent ? 'skip' : undefined;
  };
}

function pseudo({ method, path, authority, scheme }: LimitedRequest, name: string): string | undefined {
  switch (name) {
    case ':method':
      return method;
    case ':path':
      return path;
    case ':authority':
    case 'host':
      return authority;
    case ':scheme':
      return scheme;
    default:
      return undefined;
  }
}
