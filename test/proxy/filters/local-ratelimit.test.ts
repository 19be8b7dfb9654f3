// Buckets of tokens: when they are empty, when they fill, whose they are.
import { afterEach, expect, test } from 'vitest';
import { RouteAction } from '#codec/protobuf/generated/envoy/config/route/v3/route_components';
import { LocalRateLimit } from '#codec/protobuf/generated/envoy/extensions/filters/http/local_ratelimit/v3/local_rate_limit';
import { ManualClock } from '#foundation/clock';
import { decodeRateLimits } from '#proxy/config/decode-rate-limits';
import { Findings } from '#proxy/config/findings';
import { localRateLimitType } from '#proxy/filters/http/local-ratelimit';
import { Client, closer, forward, route } from '../fixture.ts';
import { entry, findingsOf, get, startFiltered } from './filter-fixture.ts';

const open = closer();
afterEach(open.closeAll);

type Config = Parameters<typeof LocalRateLimit.fromPartial>[0];
const always = { defaultValue: { numerator: 100 } };
const bucket = (maxTokens: number, tokensPerFill = maxTokens) => ({ maxTokens, tokensPerFill, fillInterval: { seconds: 1 } });
const base: Config = { statPrefix: 'limit', filterEnabled: always, filterEnforced: always };

async function start(config: Config, rateLimits: Parameters<typeof RouteAction.fromPartial>[0] = {}) {
  const clock = new ManualClock();
  const own = decodeRateLimits(RouteAction.fromPartial(rateLimits).rateLimits, '', new Findings());
  const started = await startFiltered(open, {
    filters: [entry(localRateLimitType, LocalRateLimit, config)],
    routes: route(forward('none', { rateLimits: { own, host: [] } })),
    proxy: { clock },
  });
  const status = async (...lines: string[]) => Number((await started.send(get('/', ...lines))).slice(9, 12));
  return { ...started, clock, status };
}

/** There is no such cluster: what passes the filter gets 503. */
const passed = 503;

test('so many pass, then none, then those that were filled in', async () => {
  const { status, clock, proxy } = await start({ ...base, tokenBucket: bucket(2, 1) });
  expect([await status(), await status(), await status()]).toEqual([passed, passed, 429]);
  clock.advance(999);
  expect(await status()).toBe(429);
  clock.advance(1);
  expect([await status(), await status()]).toEqual([passed, 429]);
  clock.advance(60_000);
  expect([await status(), await status(), await status()]).toEqual([passed, passed, 429]);
  expect(proxy.runtime.counters.get('limit.http_local_rate_limit.enforced').value).toBe(4);
  expect(proxy.log.at(-1)).toMatchObject({ flags: 'RL', details: 'local_rate_limited' });
});

test.each<[name: string, changes: Config, expected: number[]]>([
  ['not enabled: nothing is counted', { filterEnabled: { defaultValue: { numerator: 0 } } }, [passed, passed, passed]],
  ['not enforced: it is counted', { filterEnforced: { defaultValue: { numerator: 0 } } }, [passed, passed, passed]],
  ['another status', { status: { code: 503 } }, [passed, 503, 503]],
])('%s', async (_, changes, expected) => {
  const { status } = await start({ ...base, tokenBucket: bucket(1), ...changes });
  expect([await status(), await status(), await status()]).toEqual(expected);
});

test('descriptors have buckets of their own', async () => {
  const config: Config = {
    ...base,
    tokenBucket: bucket(100),
    descriptors: [{ entries: [{ key: 'user', value: 'joe' }], tokenBucket: bucket(1) }],
  };
  const actions = [{ actionSpecifier: { $case: 'requestHeaders', value: { headerName: 'x-user', descriptorKey: 'user' } } as const }];
  const { status } = await start(config, { rateLimits: [{ actions }] });
  expect([await status('x-user: joe'), await status('x-user: joe'), await status('x-user: ann'), await status()]).toEqual([
    passed,
    429,
    passed,
    passed,
  ]);
});

test('connections may have buckets apart', async () => {
  const { port } = await start({ ...base, tokenBucket: bucket(1), localRateLimitPerDownstreamConnection: true });
  for (let i = 0; i < 2; i++) {
    const client = open.add(await Client.connect(port));
    expect(await client.write(get()).until(/\r\n\r\n/)).toContain('HTTP/1.1 503');
    expect(await client.write(get()).until('local_rate_limited')).toContain('HTTP/1.1 429');
  }
});

test('headers say what is left', async () => {
  const { send } = await start({
    ...base,
    tokenBucket: bucket(3),
    enableXRatelimitHeaders: 1,
    responseHeadersToAdd: [{ header: { key: 'x-l', value: '1' } }],
  });
  expect(await send(get())).toMatch(/x-ratelimit-limit: 3\r\nx-ratelimit-remaining: 2\r\nx-ratelimit-reset: 1\r\n/);
});

test('a bucket that could not work is refused', () => {
  expect(findingsOf(localRateLimitType, LocalRateLimit, { tokenBucket: {} })).toEqual([
    'filter.stat_prefix: is empty',
    'filter.token_bucket.max_tokens: must be above 0',
    'filter.token_bucket.fill_interval: must be at least 50 ms',
  ]);
});
