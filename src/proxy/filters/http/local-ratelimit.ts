// Limits the rate of requests by buckets of tokens, in this proxy alone, but in all of its processes together: Envoy's `local_ratelimit`
// filter. A route's configuration has buckets of its own.
import { LocalRateLimit } from '#codec/protobuf/generated/envoy/extensions/filters/http/local_ratelimit/v3/local_rate_limit';
import { decodeHeaderMutations } from '#proxy/config/decode-header-mutations';
import { fractionOf } from '#proxy/config/decode-matcher';
import type { Findings } from '#proxy/config/findings';
import { descriptorsOf, type VirtualHostLimits, virtualHostLimits } from '#proxy/filters/rate-limit/limits-of-route';
import { decodeTokenBucket, TokenBucket, type TokenBucketConfig } from '#proxy/filters/rate-limit/token-bucket';
import type { DownstreamConnection } from '#proxy/http/connection-manager';
import type { ResponseHead } from '#proxy/http/head';
import { type HttpFilter, type HttpFilterType, routeConfig } from '#proxy/http/http-filter';
import type { HttpStream } from '#proxy/http/stream';
import { type LimitSharing, unshared } from '#proxy/limits/limit-sharing';
import type { DescriptorEntry } from '#proxy/route/rate-limit';
import type { HeaderMutations } from '#proxy/route/route';
import type { Counter, Counters } from '#proxy/telemetry/counters';
import { responseFlag } from '#telemetry/response-flags';
import { addedFields, mutateRequest } from './header-mutations.ts';

interface LocalRateLimitConfig {
  /** Where it stands in its resource. */
  readonly field: string;
  readonly statPrefix: string;
  readonly status: number;
  /** Undefined: only descriptors are limited. */
  readonly bucket: TokenBucketConfig | undefined;
  readonly descriptors: readonly { readonly entries: readonly DescriptorEntry[]; readonly bucket: TokenBucketConfig }[];
  /** In [0, 1] of the requests: looked at, and refused where there is no token. */
  readonly enabled: number;
  readonly enforced: number;
  readonly whenNotEnforced: HeaderMutations;
  readonly whenLimited: HeaderMutations;
  readonly stage: number;
  readonly perConnection: boolean;
  readonly headers: boolean;
  readonly hostLimits: VirtualHostLimits;
  readonly alwaysTakeFromDefault: boolean;
  readonly resourceExhausted: boolean;
}

export const localRateLimitType: HttpFilterType<LocalRateLimitConfig, LocalRateLimitConfig> = {
  message: 'envoy.extensions.filters.http.local_ratelimit.v3.LocalRateLimit',
  decode,
  perRoute: { decode },
  make(general, { name, statPrefix, direction, runtime }) {
    const { clock, random, counters } = runtime;
    const buckets = new BucketTable(`rate limit ${direction} ${statPrefix} ${name}`, runtime.sharing, counters);
    const filter: HttpFilter = {
      request(stream) {
        const config = routeConfig(stream, localRateLimitType, name) ?? general;
        if (config.enabled < 1 && random.next() >= config.enabled) return 'continue';
        const nowMs = clock.now();
        const mine = buckets.of(config, stream.connection, config === general ? '' : stream.virtualHost, nowMs);
        const { stats } = mine;
        stats.enabled.value++;
        const { allowed, bucket } = mine.take(stream, nowMs);
        if (config.headers) stream.keep(filter, bucket);
        if (allowed) {
          stats.ok.value++;
          return 'continue';
        }
        stats.limited.value++;
        if (config.enforced < 1 && random.next() >= config.enforced) {
          mutateRequest(stream.request, config.whenNotEnforced);
          return 'continue';
        }
        stats.enforced.value++;
        refuse(stream, config);
        return 'stop';
      },
      response(stream, head) {
        const bucket = stream.kept(filter) as TokenBucket | undefined;
        if (bucket !== undefined) tellLimits(head, bucket, clock.now());
      },
    };
    return filter;
  },
};

function decode(bytes: Uint8Array, field: string, findings: Findings): LocalRateLimitConfig {
  const config = LocalRateLimit.decode(bytes);
  if (config.statPrefix === '') findings.report(`${field}.stat_prefix`, 'is empty');
  if (config.localClusterRateLimit !== undefined) findings.report(`${field}.local_cluster_rate_limit`, 'is not supported');
  const descriptors = config.descriptors.flatMap(({ entries, tokenBucket }, i) => {
    const at = `${field}.descriptors[${i}]`;
    if (tokenBucket === undefined) findings.report(`${at}.token_bucket`, 'is missing');
    return tokenBucket === undefined ? [] : [{ entries, bucket: decodeTokenBucket(tokenBucket, `${at}.token_bucket`, findings) }];
  });
  return {
    field,
    statPrefix: config.statPrefix,
    status: config.status && config.status.code >= 400 ? config.status.code : 429,
    bucket: config.tokenBucket && decodeTokenBucket(config.tokenBucket, `${field}.token_bucket`, findings),
    descriptors,
    enabled: fractionOf(config.filterEnabled?.defaultValue, 0),
    enforced: fractionOf(config.filterEnforced?.defaultValue, 0),
    whenNotEnforced: decodeHeaderMutations(config.requestHeadersToAddWhenNotEnforced, []),
    whenLimited: decodeHeaderMutations(config.responseHeadersToAdd, []),
    stage: config.stage,
    perConnection: config.localRateLimitPerDownstreamConnection,
    headers: config.enableXRatelimitHeaders === 1,
    hostLimits: virtualHostLimits[config.vhRateLimits] ?? 'override',
    alwaysTakeFromDefault: config.alwaysConsumeDefaultTokenBucket ?? true,
    resourceExhausted: config.rateLimitedAsResourceExhausted,
  };
}

/** The buckets of each configuration that this filter meets, and of each connection where they are apart. */
class BucketTable {
  private readonly shared = new WeakMap<LocalRateLimitConfig, Buckets>();
  private readonly apart = new WeakMap<DownstreamConnection, WeakMap<LocalRateLimitConfig, Buckets>>();

  /** `place`: of the filter, the same in every process of the proxy. */
  constructor(
    private readonly place: string,
    private readonly sharing: LimitSharing,
    private readonly counters: Counters,
  ) {}

  /** `virtualHost`: in which the configuration stands; empty: in the filter. */
  of(config: LocalRateLimitConfig, connection: DownstreamConnection, virtualHost: string, nowMs: number): Buckets {
    let table = this.shared;
    if (config.perConnection) {
      const own = this.apart.get(connection) ?? new WeakMap<LocalRateLimitConfig, Buckets>();
      this.apart.set(connection, own);
      table = own;
    }
    let buckets = table.get(config);
    if (buckets === undefined) {
      // A connection is in one process.
      const sharing = config.perConnection ? unshared : this.sharing;
      buckets = new Buckets(config, nowMs, sharing, `${this.place} ${virtualHost}`, this.counters);
      table.set(config, buckets);
    }
    return buckets;
  }
}

class Buckets {
  /** Looked up once: a request costs additions. */
  readonly stats: Readonly<Record<'enabled' | 'ok' | 'limited' | 'enforced', Counter>>;
  private readonly general: TokenBucket | undefined;
  private readonly byDescriptor: readonly { readonly entries: readonly DescriptorEntry[]; readonly bucket: TokenBucket }[];

  constructor(
    private readonly config: LocalRateLimitConfig,
    nowMs: number,
    sharing: LimitSharing,
    place: string,
    counters: Counters,
  ) {
    const counter = (key: string) => counters.get(`${config.statPrefix}.http_local_rate_limit.${key}`);
    this.stats = { enabled: counter('enabled'), ok: counter('ok'), limited: counter('rate_limited'), enforced: counter('enforced') };
    const shared = (bucket: TokenBucketConfig, which: string): TokenBucket => {
      const made = new TokenBucket(bucket, nowMs, sharing.processes);
      // One that is configured otherwise is another bucket.
      sharing.join(`${place} ${config.field} ${which} ${JSON.stringify(bucket)}`, made.join, made);
      return made;
    };
    this.general = config.bucket && shared(config.bucket, 'general');
    this.byDescriptor = config.descriptors.map(({ entries, bucket }) => ({ entries, bucket: shared(bucket, JSON.stringify(entries)) }));
  }

  /** `bucket`: the one that decided; undefined: none did. */
  take(stream: HttpStream, nowMs: number): { allowed: boolean; bucket: TokenBucket | undefined } {
    const { general } = this;
    if (this.byDescriptor.length === 0) return { allowed: general === undefined || general.take(nowMs), bucket: general };
    const { stage, hostLimits, alwaysTakeFromDefault } = this.config;
    const asked = descriptorsOf(stream, stage, hostLimits);
    const matched = this.byDescriptor.filter(({ entries }) => asked.some((descriptor) => sameEntries(descriptor, entries)));
    for (const { bucket } of matched) if (!bucket.take(nowMs)) return { allowed: false, bucket };
    if (general !== undefined && (matched.length === 0 || alwaysTakeFromDefault)) {
      return { allowed: general.take(nowMs), bucket: matched[0]?.bucket ?? general };
    }
    return { allowed: true, bucket: matched[0]?.bucket };
  }
}

function sameEntries(a: readonly DescriptorEntry[], b: readonly DescriptorEntry[]): boolean {
  return a.length === b.length && a.every(({ key, value }, i) => key === b[i]!.key && value === b[i]!.value);
}

function refuse(stream: HttpStream, { status, whenLimited, resourceExhausted }: LocalRateLimitConfig): void {
  stream.reply({
    status,
    flags: responseFlag.rateLimited,
    details: 'local_rate_limited',
    body: 'local_rate_limited',
    headers: addedFields(whenLimited),
    ...(resourceExhausted && { grpcStatus: 8 }),
  });
}

/** The draft's headers, version 3. */
function tellLimits(head: ResponseHead, bucket: TokenBucket, nowMs: number): void {
  head.set('x-ratelimit-limit', String(bucket.config.tokensMax));
  head.set('x-ratelimit-remaining', String(bucket.remaining(nowMs)));
  head.set('x-ratelimit-reset', String(Math.ceil(bucket.resetMs(nowMs) / 1000)));
}
