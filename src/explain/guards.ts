// What stands in a call's way besides routes: filters that authenticate, authorize, limit or were put in by EnvoyFilters, before the
// caller's proxy routes and again before the workload. Their own code decides where a call alone tells. Pure.
import type { FilterChain } from '#proxy/config/listener';
import { corsType } from '#proxy/filters/http/cors';
import { extAuthzType } from '#proxy/filters/http/ext-authz';
import { faultType } from '#proxy/filters/http/fault';
import { grpcStatsType } from '#proxy/filters/http/grpc-stats';
import { grpcWebType } from '#proxy/filters/http/grpc-web';
import { istioAlpnType } from '#proxy/filters/http/istio-alpn';
import { istioStatsType } from '#proxy/filters/http/istio-stats';
import { jwtAuthnType } from '#proxy/filters/http/jwt-authn';
import { localRateLimitType } from '#proxy/filters/http/local-ratelimit';
import { peerMetadataType } from '#proxy/filters/http/peer-metadata';
import { rateLimitType } from '#proxy/filters/http/ratelimit';
import { type RbacConfig, rbacType } from '#proxy/filters/http/rbac';
import { routerType } from '#proxy/filters/http/router';
import type { RbacEngine } from '#proxy/filters/rbac/engine';
import type { Subject } from '#proxy/filters/rbac/subject';
import type { HttpFilterConfig, HttpFilterType } from '#proxy/http/http-filter';
import type { RoutedRequest } from '#proxy/route/route';
import type { Guard } from './explanation.ts';

/** Who comes to a proxy, and with what. Undefined fields: only the running connection knows. */
export interface Visitor {
  address: string | undefined;
  /** Where to. */
  destination: { address: string; port: number };
  /** Undefined: there is no HTTP. */
  request: RoutedRequest | undefined;
}

/** What every chain has, or what only counts: routes and faults are told apart from these. */
const ordinary: readonly HttpFilterType[] = [
  corsType,
  faultType,
  grpcStatsType,
  grpcWebType,
  istioAlpnType,
  istioStatsType,
  peerMetadataType,
  routerType,
] as HttpFilterType[];

const askers = new Map<HttpFilterType, string>([
  [extAuthzType as HttpFilterType, 'an authorization service is asked'],
  [rateLimitType as HttpFilterType, 'a rate limit service is asked'],
  [localRateLimitType as HttpFilterType, 'as many pass as its bucket has tokens'],
]);

/** In the order in which the call meets them; what comes after one that refuses is not met. */
export function guardsOf(proxy: string, { gates, filters }: FilterChain, visitor: Visitor): Guard[] {
  const terminal = filters.at(-1);
  const connection = gates.flatMap(({ name, rules }) =>
    rules ? [{ proxy, filter: name, ...decide(rules, { ...visitor, request: undefined }) }] : [],
  );
  const http = terminal?.kind === 'http_connection_manager' && visitor.request ? terminal.http.httpFilters : [];
  const guards = [...connection, ...http.flatMap((filter) => httpGuard(proxy, filter, visitor))];
  const end = guards.findIndex(({ verdict }) => verdict === 'refuses');
  return end < 0 ? guards : guards.slice(0, end + 1);
}

function httpGuard(proxy: string, { name, type, config, disabled }: HttpFilterConfig, visitor: Visitor): Guard[] {
  if (ordinary.includes(type)) return [];
  const guard = (verdict: Guard['verdict'], reason: string): Guard[] => [{ proxy, filter: name, verdict, reason }];
  if (disabled) return guard('depends', 'it is off, but for routes that switch it on');
  if (type === rbacType) {
    const { rules } = config as RbacConfig;
    return rules === undefined || rules.logs ? [] : [{ proxy, filter: name, ...answered(decide(rules, visitor)) }];
  }
  if (type === jwtAuthnType) {
    const token = visitor.request?.header('authorization');
    return token === undefined
      ? guard('passes', 'the call has no token, and none is asked for here')
      : guard('depends', 'the token has to be good');
  }
  const reason = askers.get(type);
  return reason === undefined ? guard('passes', 'works on what passes') : guard('depends', reason);
}

type Verdict = Pick<Guard, 'verdict' | 'reason'>;

function answered(decided: Verdict): Verdict & Pick<Guard, 'status'> {
  return decided.verdict === 'refuses' ? { ...decided, status: 403 } : decided;
}

/** `depends`: the rules looked at what the call alone does not tell. */
function decide(rules: RbacEngine, { address, destination, request }: Visitor): Verdict {
  const unknown = new Set<string>();
  const guess = <T>(what: string, value: T): T => {
    unknown.add(what);
    return value;
  };
  const from = () => address ?? guess('the caller’s address', '0.0.0.0');
  const subject: Subject = {
    connection: {
      id: 0,
      filterChain: '',
      get remoteAddress() {
        return from();
      },
      remotePort: 0,
      localAddress: destination.address,
      localPort: destination.port,
      originalDestination: undefined,
      serverName: '',
      get tls() {
        return guess('the caller’s certificate', undefined);
      },
    },
    get clientAddress() {
      return from();
    },
    request,
    metadataOf: () => (request?.header('authorization') === undefined ? undefined : guess('the token', undefined)),
  };
  const { allowed, policy } = rules.decide(subject);
  if (unknown.size > 0) return { verdict: 'depends', reason: `on ${[...unknown].join(' and ')}` };
  const by = policy === undefined ? 'no policy matches' : `policy ${policy}`;
  return { verdict: allowed ? 'passes' : 'refuses', reason: by };
}
