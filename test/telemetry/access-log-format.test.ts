import { expect, test } from 'vitest';
import { compileJsonFormat, compileTextFormat } from '#telemetry/access-log-format';
import type { Exchange } from '#telemetry/exchange';
import { responseFlag } from '#telemetry/response-flags';

const exchange: Exchange = {
  requestProtocol: 'http',
  protocol: 'HTTP/1.1',
  method: 'GET',
  originalPath: '/old',
  path: '/new',
  authority: 'reviews:9080',
  scheme: 'http',
  status: 503,
  flags: responseFlag.upstreamConnectionFailure | responseFlag.upstreamRetryLimitExceeded,
  details: 'upstream_reset_before_response_started{connection_failure}',
  startWallMs: Date.UTC(2026, 0, 2, 3, 4, 5, 678),
  durationMs: 12.4,
  requestMs: 1,
  responseFirstByteMs: 10,
  upstreamServiceMs: 9,
  bytesReceived: 7,
  bytesSent: 81,
  downstreamRemote: '127.0.0.1:4000',
  downstreamLocal: '127.64.0.2:9080',
  upstreamHost: '127.64.0.3:9080',
  upstreamLocal: '',
  upstreamCluster: 'outbound|9080||reviews.default.svc.cluster.local',
  upstreamFailure: '',
  attempts: 3,
  routeName: 'default',
  virtualHost: '',
  connectionTerminationDetails: '',
  requestedServerName: '',
  requestHeader: (name) => ({ 'user-agent': 'curl/8' })[name],
  responseHeader: (name) => ({ 'x-envoy-upstream-service-time': '9' })[name],
};

test.each([
  ['plain text, 100%%', 'plain text, 100%'],
  ['[%START_TIME%]', '[2026-01-02T03:04:05.678Z]'],
  ['%START_TIME(%Y/%m/%d %H:%M:%S.%3f)%', '2026/01/02 03:04:05.678'],
  ['"%REQ(:METHOD)% %REQ(X-ENVOY-ORIGINAL-PATH?:PATH)% %PROTOCOL%"', '"GET /old HTTP/1.1"'],
  ['%RESPONSE_CODE% %RESPONSE_FLAGS% %DURATION%', '503 UF,URX 12'],
  ['%RESP(X-ENVOY-UPSTREAM-SERVICE-TIME)% %RESP(MISSING)%', '9 -'],
  ['%REQ(USER-AGENT):4%', 'curl'],
  ['%UPSTREAM_LOCAL_ADDRESS% %DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT%', '- 127.0.0.1'],
  ['%DOWNSTREAM_LOCAL_PORT% %RESPONSE_TX_DURATION%', '9080 2'],
])('%s', (format, line) => {
  expect(compileTextFormat(format)(exchange)).toBe(line);
});

test('an operator that is not known is reported and printed as a dash', () => {
  const unknown: string[] = [];
  expect(compileTextFormat('%NO_SUCH_THING%', (name) => unknown.push(name))(exchange)).toBe('-');
  expect(unknown).toEqual(['NO_SUCH_THING']);
});

test('JSON keeps numbers, nests, and says null for what is absent', () => {
  const format = compileJsonFormat({
    code: '%RESPONSE_CODE%',
    request: { path: '%REQ(:PATH)%', text: '%REQ(:METHOD)% %REQ(:PATH)%' },
    none: '%RESP(x)%',
    fixed: 1,
  });
  expect(JSON.parse(format(exchange))).toEqual({ code: 503, request: { path: '/new', text: 'GET /new' }, none: null, fixed: 1 });
});
