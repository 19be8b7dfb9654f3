// Cross-origin requests of browsers: answers preflights, and says in responses which origins may read them. Envoy's `cors` filter, which
// does what the route's policy says and nothing without one.
import { Cors, CorsPolicy } from '#codec/protobuf/generated/envoy/extensions/filters/http/cors/v3/cors';
import { decodeStringMatcher, fractionOf } from '#proxy/config/decode-matcher';
import type { Findings } from '#proxy/config/findings';
import type { RequestHead } from '#proxy/http/head';
import { type HttpFilter, type HttpFilterType, routeConfig } from '#proxy/http/http-filter';
import type { HttpStream } from '#proxy/http/stream';
import type { StringTest } from '#proxy/route/string-matcher';
import { responseFlag } from '#telemetry/response-flags';

interface CorsConfig {
  readonly origins: readonly StringTest[];
  readonly allowMethods: string;
  readonly allowHeaders: string;
  readonly exposeHeaders: string;
  readonly maxAge: string;
  readonly allowCredentials: boolean;
  readonly allowPrivateNetwork: boolean;
  /** Preflights of other origins go on to the upstream; else they are answered without a word of CORS. */
  readonly forwardUnmatchedPreflights: boolean;
  /** In [0, 1] of the requests. */
  readonly enabled: number;
}

export const corsType: HttpFilterType<undefined, CorsConfig> = {
  message: 'envoy.extensions.filters.http.cors.v3.Cors',
  decode(bytes) {
    Cors.decode(bytes);
    return undefined;
  },
  perRoute: { message: 'envoy.extensions.filters.http.cors.v3.CorsPolicy', decode },
  make: (_, { name }) => {
    const filter: HttpFilter = {
      request(stream) {
        const origin = stream.request.header('origin');
        if (!origin) return 'continue';
        const policy = routeConfig(stream, corsType, name);
        if (policy === undefined || (policy.enabled < 1 && stream.manager.runtime.random.next() >= policy.enabled)) return 'continue';
        const preflight = isPreflight(stream.request);
        if (!allows(policy, origin)) {
          if (!preflight || policy.forwardUnmatchedPreflights) return 'continue';
          answer(stream, []);
          return 'stop';
        }
        if (preflight) {
          answer(stream, preflightFields(policy, origin, stream.request));
          return 'stop';
        }
        stream.keep(filter, { policy, origin });
        return 'continue';
      },
      response(stream, head) {
        const kept = stream.kept(filter) as { policy: CorsConfig; origin: string } | undefined;
        if (kept === undefined) return;
        const { policy, origin } = kept;
        head.set('access-control-allow-origin', origin);
        if (policy.allowCredentials) head.set('access-control-allow-credentials', 'true');
        if (policy.exposeHeaders !== '') head.set('access-control-expose-headers', policy.exposeHeaders);
      },
    };
    return filter;
  },
};

function decode(bytes: Uint8Array, field: string, findings: Findings): CorsConfig {
  const policy = CorsPolicy.decode(bytes);
  return {
    origins: policy.allowOriginStringMatch.map((matcher, i) =>
      decodeStringMatcher(matcher, `${field}.allow_origin_string_match[${i}]`, findings),
    ),
    allowMethods: policy.allowMethods,
    allowHeaders: policy.allowHeaders,
    exposeHeaders: policy.exposeHeaders,
    maxAge: policy.maxAge,
    allowCredentials: policy.allowCredentials ?? false,
    allowPrivateNetwork: policy.allowPrivateNetworkAccess ?? false,
    forwardUnmatchedPreflights: policy.forwardNotMatchingPreflights ?? true,
    enabled: fractionOf(policy.filterEnabled?.defaultValue, 1),
  };
}

/** Envoy's rule: a matcher that takes `*` takes every origin. */
function allows({ origins }: CorsConfig, origin: string): boolean {
  return origins.some((test) => test('*') || test(origin));
}

function isPreflight(request: RequestHead): boolean {
  return request.method === 'OPTIONS' && Boolean(request.header('access-control-request-method'));
}

function preflightFields(policy: CorsConfig, origin: string, request: RequestHead): [string, string][] {
  const fields: [string, string][] = [['access-control-allow-origin', origin]];
  if (policy.allowCredentials) fields.push(['access-control-allow-credentials', 'true']);
  if (policy.allowMethods !== '') fields.push(['access-control-allow-methods', policy.allowMethods]);
  if (policy.allowHeaders !== '') fields.push(['access-control-allow-headers', policy.allowHeaders]);
  if (policy.maxAge !== '') fields.push(['access-control-max-age', policy.maxAge]);
  if (policy.allowPrivateNetwork && request.header('access-control-request-private-network') === 'true') {
    fields.push(['access-control-allow-private-network', 'true']);
  }
  return fields;
}

function answer(stream: HttpStream, headers: [string, string][]): void {
  stream.reply({ status: 200, flags: responseFlag.none, details: 'cors_response', headers });
}
