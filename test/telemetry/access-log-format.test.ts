import { expect, test } from 'vitest';
import { compileJsonFormat, compileTextFormat } from '#telemetry/access-log-format';
import { anExchange } from './exchange.ts';

const exchange = anExchange();

/** For formats in which every operator is known. */
const strict = {
  unknown: (operator: string) => {
    throw new Error(operator);
  },
};

test.each([
  ['plain text, 100%%', 'plain text, 100%'],
  ['[%START_TIME%]', '[2026-01-02T03:04:05.678Z]'],
  ['%START_TIME(%Y/%m/%d %H:%M:%S.%3f)%', '2026/01/02 03:04:05.678'],
  ['"%REQ(:METHOD)% %REQ(X-ENVOY-ORIGINAL-PATH?:PATH)% %PROTOCOL%"', '"GET /old?q=1&r=two%20words HTTP/1.1"'],
  ['%RESPONSE_CODE% %RESPONSE_FLAGS% %DURATION%', '503 UF,URX 12'],
  ['%RESP(X-ENVOY-UPSTREAM-SERVICE-TIME)% %RESP(MISSING)%', '9 -'],
  ['%REQ(USER-AGENT):4%', 'curl'],
  ['%UPSTREAM_LOCAL_ADDRESS% %DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT%', '- 127.0.0.1'],
  ['%DOWNSTREAM_LOCAL_PORT% %RESPONSE_TX_DURATION%', '9080 2'],
  ['%RESPONSE_FLAGS_LONG%', 'UpstreamConnectionFailure,UpstreamRetryLimitExceeded'],
  [
    '%START_TIME(%s)% %START_TIME(%s.%3f)% %START_TIME(%b %e %H:%M:%S.%9f %Y %Z)%',
    '1767323045 1767323045.678 Jan  2 03:04:05.678000000 2026 UTC',
  ],
  ['%EMIT_TIME% %EMIT_TIME(%T)%', '2026-01-02T03:04:05.690Z 03:04:05'],
  ['%REQ_WITHOUT_QUERY(X-ENVOY-ORIGINAL-PATH?:PATH)% %QUERY_PARAM(r)% %QUERY_PARAM(none)%', '/old two words -'],
  ['%PATH(NQ:PATH)% %PATH(WQ:ORIG)% %PATH(NQ)%', '/new /old?q=1&r=two%20words /old'],
  ['%UPSTREAM_PROTOCOL% %UPSTREAM_REMOTE_PORT% %UPSTREAM_HOST_NAME_WITHOUT_PORT%', 'HTTP/2 9080 127.64.0.3'],
  ['%CONNECTION_ID% %FILTER_CHAIN_NAME% %STREAM_ID% %ACCESS_LOG_TYPE%', '17 chain id DownstreamEnd'],
  ['%DOWNSTREAM_TLS_VERSION% %DOWNSTREAM_TLS_CIPHER%', 'TLSv1.3 TLS_AES_128_GCM_SHA256'],
  ['%DOWNSTREAM_PEER_SUBJECT% %DOWNSTREAM_PEER_ISSUER% %DOWNSTREAM_PEER_URI_SAN%', 'CN=client CN=authority spiffe://a,spiffe://b'],
  ['%DOWNSTREAM_PEER_DNS_SAN% %DOWNSTREAM_PEER_FINGERPRINT_256% %DOWNSTREAM_PEER_SERIAL%', '- abcd 0a'],
  ['%DOWNSTREAM_PEER_CERT_V_END% %DOWNSTREAM_DIRECT_REMOTE_PORT%', '1970-01-01T00:00:01.000Z 4000'],
  [
    '%DYNAMIC_METADATA(jwt:sub)% %DYNAMIC_METADATA(jwt:groups)% %METADATA(DYNAMIC:jwt:deep:n)% %DYNAMIC_METADATA(x:y)%',
    'jason ["a","b"] 1 -',
  ],
  ['%LOCAL_REPLY_BODY:10% %TRAILER(GRPC-STATUS)% %GRPC_STATUS%', 'no healthy 7 -'],
  ['%COMMON_DURATION(DS_RX_BEG:DS_RX_END:us)% %COMMON_DURATION(DS_RX_END:DS_TX_END:ms)%', '1000 11'],
  ['%TRACE_ID% %VIRTUAL_CLUSTER_NAME%', '- -'],
])('%s', (format, line) => {
  expect(compileTextFormat(format, strict)(exchange)).toBe(line);
});

test.each([
  ['%GRPC_STATUS%', 'PermissionDenied'],
  ['%GRPC_STATUS(SNAKE_STRING)% %GRPC_STATUS(NUMBER)% %GRPC_STATUS_NUMBER%', 'PERMISSION_DENIED 7 7'],
])('of gRPC: %s', (format, line) => {
  expect(compileTextFormat(format, strict)(anExchange({ requestProtocol: 'grpc' }))).toBe(line);
});

test.each([
  ['%NO_SUCH_THING%', ['%NO_SUCH_THING%']],
  ['%UPSTREAM_WIRE_BYTES_SENT% %GRPC_STATUS(ROMAN)%', ['%UPSTREAM_WIRE_BYTES_SENT%', '%GRPC_STATUS(ROMAN)%']],
  ['%protocol%', ['%protocol%']],
  ['100% of %PROTOCOL%', ['% of ']],
  ['%COMMON_DURATION(US_CX_BEG:DS_TX_END:ms)%', ['%COMMON_DURATION(US_CX_BEG:DS_TX_END:ms)%']],
])('what is not known is reported: %s', (format, expected) => {
  const unknown: string[] = [];
  compileTextFormat(format, { unknown: (operator) => unknown.push(operator) });
  expect(unknown).toEqual(expected);
});

test('what is empty can be left out', () => {
  expect(compileTextFormat('[%RESP(none)%]', { ...strict, omitEmpty: true })(exchange)).toBe('[]');
  expect(JSON.parse(compileJsonFormat({ a: '%RESP(none)%', b: '%PROTOCOL%' }, { ...strict, omitEmpty: true })(exchange))).toEqual({
    b: 'HTTP/1.1',
  });
});

test('JSON keeps numbers, nests, and says null for what is absent', () => {
  const format = compileJsonFormat(
    {
      code: '%RESPONSE_CODE%',
      request: { path: '%REQ(:PATH)%', text: '%REQ(:METHOD)% %REQ(:PATH)%' },
      none: '%RESP(x)%',
      fixed: 1,
      list: ['%PROTOCOL%', 2],
    },
    strict,
  );
  expect(JSON.parse(format(exchange))).toEqual({
    code: 503,
    request: { path: '/new?q=1', text: 'GET /new?q=1' },
    none: null,
    fixed: 1,
    list: ['HTTP/1.1', 2],
  });
});
