// Limits the rate of requests by asking a service that counts for all proxies: Envoy's `ratelimit` filter and its gRPC protocol.
import {
  RateLimit_XRateLimitHeadersRFCVersion as HeaderVersion,
  RateLimit,
  RateLimitPerRoute,
} from '#codec/protobuf/generated/envoy/extensions/filters/http/ratelimit/v3/rate_limit';
import {
  RateLimitResponse_Code as Code,
  type RateLimitResponse_DescriptorStatus as DescriptorStatus,
  RateLimitRequest,
  RateLimitResponse,
} from '#codec/protobuf/generated/envoy/service/ratelimit/v3/rls';
import { decodeHeaderMutations } from '#proxy/config/decode-header-mutations';
import { type Findings, milliseconds } from '#proxy/config/findings';
import { decodeGrpcTarget, type GrpcTarget } from '#proxy/config/grpc-target';
import { descriptorsOf, type VirtualHostLimits, virtualHostLimits } from '#proxy/filters/rate-limit/limits-of-route';
import type { FieldList } from '#proxy/http/head';
import { type HttpFilter, type HttpFilterType, routeConfig } from '#proxy/http/http-filter';
import type { HttpStream } from '#proxy/http/stream';
import { callGrpc } from '#proxy/upstream/grpc-call';
import { responseFlag } from '#telemetry/response-flags';
import { addedFields } from './header-mutations.ts';

interface RateLimitConfig {
  readonly domain: string;
  readonly stage: number;
  readonly target: GrpcTarget;
  readonly failureModeDeny: boolean;
  readonly status: number;
  readonly statusOnError: number;
  readonly resourceExhausted: boolean;
  /** `x-ratelimit-*` */
  readonly headers: boolean;
  /** `x-envoy-ratelimited` */
  readonly flagHeader: boolean;
  readonly whenLimited: FieldList;
}

interface RateLimitRouteConfig {
  readonly hostLimits: VirtualHostLimits;
  /** Empty: the filter's. */
  readonly domain: string;
}

/** Envoy's default. */
const timeoutMsDefault = 20;
const path = '/envoy.service.ratelimit.v3.RateLimitService/ShouldRateLimit';
const resourceExhausted = 8;

export const rateLimitType: HttpFilterType<RateLimitConfig, RateLimitRouteConfig> = {
  message: 'envoy.extensions.filters.http.ratelimit.v3.RateLimit',
  decode,
  perRoute: {
    message: 'envoy.extensions.filters.http.ratelimit.v3.RateLimitPerRoute',
    decode(bytes, field, findings) {
      const { vhRateLimits, rateLimits, domain } = RateLimitPerRoute.decode(bytes);
      if (rateLimits.length > 0) findings.report(`${field}.rate_limits`, 'is not supported: the route has rate_limits of its own');
      return { hostLimits: virtualHostLimits[vhRateLimits] ?? 'override', domain };
    },
  },
  make(config, { name, runtime }) {
    const filter: HttpFilter = {
      request(stream) {
        const route = routeConfig(stream, rateLimitType, name);
        const descriptors = descriptorsOf(stream, config.stage, route?.hostLimits ?? 'override');
        if (descriptors.length === 0) return 'continue';
        const message = RateLimitRequest.encode(
          RateLimitRequest.fromPartial({
            domain: route?.domain || config.domain,
            descriptors: descriptors.map((entries) => ({ entries: [...entries] })),
          }),
        ).finish();
        let answered = false;
        const call = callGrpc(runtime, config.target, path, message, (result) => {
          answered = true;
          stream.pending = undefined;
          const response = result.kind === 'answer' ? read(result.message) : undefined;
          const passes = response === undefined ? proceedUnasked(stream, config) : judge(stream, filter, config, response);
          if (passes) stream.continueRequest();
        });
        if (!answered) stream.pending = call;
        return 'stop';
      },
      response(stream, head) {
        const fields = stream.kept(filter) as FieldList | undefined;
        for (const [key, value] of fields ?? []) head.append(key, value);
      },
    };
    return filter;
  },
};

function decode(bytes: Uint8Array, field: string, findings: Findings): RateLimitConfig {
  const config = RateLimit.decode(bytes);
  if (config.domain === '') findings.report(`${field}.domain`, 'is empty');
  const target = decodeGrpcTarget(config.rateLimitService?.grpcService, timeoutMsDefault, `${field}.rate_limit_service`, findings);
  const status = config.rateLimitedStatus?.code ?? 0;
  return {
    domain: config.domain,
    stage: config.stage,
    target: { ...target, timeoutMs: milliseconds(config.timeout, target.timeoutMs) },
    failureModeDeny: config.failureModeDeny,
    status: status >= 400 ? status : 429,
    statusOnError: config.statusOnError?.code || 500,
    resourceExhausted: config.rateLimitedAsResourceExhausted,
    headers: config.enableXRatelimitHeaders === HeaderVersion.DRAFT_VERSION_03,
    flagHeader: !config.disableXEnvoyRatelimitedHeader,
    whenLimited: addedFields(decodeHeaderMutations(config.responseHeadersToAdd, [])),
  };
}

function read(message: Buffer): RateLimitResponse | undefined {
  try {
    return RateLimitResponse.decode(message);
  } catch {
    return undefined;
  }
}

/** The service cannot be asked. True: the request goes on. */
function proceedUnasked(stream: HttpStream, { failureModeDeny, statusOnError, target }: RateLimitConfig): boolean {
  count(stream, target, failureModeDeny ? 'error' : 'failure_mode_allowed');
  if (!failureModeDeny) return true;
  stream.reply({ status: statusOnError, flags: responseFlag.rateLimitServiceError, details: 'rate_limiter_error' });
  return false;
}

/** True: the request goes on. */
function judge(stream: HttpStream, filter: HttpFilter, config: RateLimitConfig, response: RateLimitResponse): boolean {
  const { overallCode, responseHeadersToAdd, requestHeadersToAdd, rawBody, statuses, dynamicMetadata } = response;
  const told = responseHeadersToAdd.map(({ key, value }) => [key.toLowerCase(), value] as const);
  stream.keep(filter, [...told, ...(config.headers ? limitFields(statuses) : [])]);
  if (dynamicMetadata !== undefined) stream.setMetadata('envoy.filters.http.ratelimit', dynamicMetadata);
  if (overallCode !== Code.OVER_LIMIT) {
    for (const { key, value } of requestHeadersToAdd) stream.request.append(key.toLowerCase(), value);
    count(stream, config.target, 'ok');
    return true;
  }
  count(stream, config.target, 'over_limit');
  stream.reply({
    status: config.status,
    flags: responseFlag.rateLimited,
    details: 'request_rate_limited',
    body: rawBody.toString(),
    headers: [...config.whenLimited, ...(config.flagHeader ? ([['x-envoy-ratelimited', 'true']] as const) : [])],
    ...(config.resourceExhausted && { grpcStatus: resourceExhausted }),
  });
  return false;
}

function count({ manager }: HttpStream, { cluster }: GrpcTarget, key: string): void {
  manager.runtime.counters.get(`cluster.${cluster}.ratelimit.${key}`).value++;
}

/** Of the limit that is nearest to being reached. */
function limitFields(statuses: readonly DescriptorStatus[]): FieldList {
  const limited = statuses.filter(({ currentLimit }) => currentLimit !== undefined);
  const [nearest] = limited.sort((a, b) => a.limitRemaining - b.limitRemaining);
  if (nearest === undefined) return [];
  return [
    ['x-ratelimit-limit', String(nearest.currentLimit!.requestsPerUnit)],
    ['x-ratelimit-remaining', String(nearest.limitRemaining)],
    ['x-ratelimit-reset', String(Math.ceil(milliseconds(nearest.durationUntilReset, 0) / 1000))],
  ];
}
