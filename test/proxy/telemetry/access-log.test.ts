// Access logs as Envoy configures them: which exchanges are logged, to OpenTelemetry's service, and what is refused by name.

import { afterEach, beforeAll, describe, expect, test } from 'vitest';
import { AccessLog, type AccessLogFilter, ComparisonFilter_Op as Op } from '#codec/protobuf/generated/envoy/config/accesslog/v3/accesslog';
import { AccessLogType } from '#codec/protobuf/generated/envoy/data/accesslog/v3/accesslog';
import { FileAccessLog } from '#codec/protobuf/generated/envoy/extensions/access_loggers/file/v3/file';
import { ExpressionFilter } from '#codec/protobuf/generated/envoy/extensions/access_loggers/filters/cel/v3/cel';
import { HttpGrpcAccessLogConfig, TcpGrpcAccessLogConfig } from '#codec/protobuf/generated/envoy/extensions/access_loggers/grpc/v3/als';
import { OpenTelemetryAccessLogConfig } from '#codec/protobuf/generated/envoy/extensions/access_loggers/open_telemetry/v3/logs_service';
import type { MessageFns } from '#codec/protobuf/generated/google/protobuf/any';
import { systemClock } from '#foundation/clock';
import { silentLogger } from '#foundation/logger';
import { SeededRandom } from '#foundation/random';
import type { AccessLogConfig } from '#proxy/config/access-log';
import { decodeAccessLogs } from '#proxy/config/decode-access-log';
import { Findings } from '#proxy/config/findings';
import { loadCel } from '#proxy/expression/library';
import { AccessLoggers } from '#proxy/telemetry/access-logger';
import type { Exchange } from '#telemetry/exchange';
import { responseFlag } from '#telemetry/response-flags';
import { anExchange } from '../../telemetry/exchange.ts';
import { Client, closer, cluster, deadPort, forward, httpConfig, httpListener, route, routeTable, TestProxy } from '../fixture.ts';
import { grpcServiceOf, startCollector } from './collector.ts';

const open = closer();
afterEach(open.closeAll);

type Part<T> = Parameters<MessageFns<T>['fromPartial']>[0];

function logOf<T>(typeName: string, message: MessageFns<T>, value: Part<T>, filter?: Part<AccessLogFilter>): AccessLog {
  const any = { typeUrl: `type.googleapis.com/${typeName}`, value: Buffer.from(message.encode(message.fromPartial(value)).finish()) };
  return AccessLog.fromPartial({ name: 'log', configType: { $case: 'typedConfig', value: any }, filter });
}

const fileLog = (value: Part<FileAccessLog>, filter?: Part<AccessLogFilter>) =>
  logOf('envoy.extensions.access_loggers.file.v3.FileAccessLog', FileAccessLog, value, filter);
const otlpLog = (value: Part<OpenTelemetryAccessLogConfig>) =>
  logOf('envoy.extensions.access_loggers.open_telemetry.v3.OpenTelemetryAccessLogConfig', OpenTelemetryAccessLogConfig, value);

function decoded(log: AccessLog) {
  const findings = new Findings();
  const configs = decodeAccessLogs([log], 'access_log', findings);
  return { config: configs[0]!, findings: findings.list };
}

/** A proxy that has answered the request with 503, and logs to a collector's service. */
async function failed(log: AccessLogConfig, collectorPort: number, request: string): Promise<TestProxy> {
  const options = { clock: systemClock, random: new SeededRandom(1), logger: silentLogger, standardOutput: '/dev/null' };
  const loggers = new AccessLoggers({ ...options, runtime: () => proxy.runtime });
  const proxy: TestProxy = open.add(
    new TestProxy({ exchangeListeners: { http: ({ accessLogs }) => accessLogs.map((each) => loggers.create(each)), tcp: () => [] } }),
  );
  proxy.runtime.clusters.set(cluster('collector', [collectorPort], { protocol: 'http2' }));
  proxy.runtime.clusters.set(cluster('dead', [await deadPort()]));
  const port = await proxy.listen(httpListener(httpConfig(routeTable({ '*': route(forward('dead')) }), { accessLogs: [log] })));
  await open
    .add(await Client.connect(port))
    .write(request)
    .until('503');
  return proxy;
}

const text = (value: string) => ({ value: { $case: 'stringValue', value } }) as const;
const exportLogs = '/opentelemetry.proto.collector.logs.v1.LogsService/Export';

test('records go to OpenTelemetry’s log service, with formats in body and attributes', async () => {
  const collector = open.add(await startCollector({ [exportLogs]: 'opentelemetry.proto.export.ExportLogsServiceRequest' }));
  const { config, findings } = decoded(
    otlpLog({
      commonConfig: { logName: 'istio', grpcService: grpcServiceOf('collector'), bufferSizeBytes: 1 },
      body: text('%REQ(:METHOD)% %REQ(:PATH)% %RESPONSE_CODE%'),
      attributes: { values: [{ key: 'flags', value: text('%RESPONSE_FLAGS%') }] },
      resourceAttributes: { values: [{ key: 'team', value: text('%not a format%') }] },
    }),
  );
  expect(findings).toEqual([]);
  const proxy = await failed(config, collector.port, 'GET /a HTTP/1.1\r\nhost: a\r\n\r\n');
  const [first] = await collector.received(1);
  expect(first!.report).toMatchObject({
    resource_logs: [
      {
        resource: {
          attributes: [
            { key: 'log_name', value: { string_value: 'istio' } },
            { key: 'zone_name' },
            { key: 'cluster_name', value: { string_value: 'test.default' } },
            { key: 'node_name' },
            { key: 'team', value: { string_value: '%not a format%' } },
          ],
        },
        scope_logs: [
          {
            log_records: [
              {
                body: { string_value: 'GET /a 503' },
                attributes: [{ key: 'flags', value: { string_value: expect.stringMatching(/^UF/) } }],
              },
            ],
          },
        ],
      },
    ],
  });
  expect(proxy.runtime.counters.values()).toMatchObject({ 'access_logs.open_telemetry_access_log.logs_dropped': 0 });
});

test('entries go to Envoy’s access log service, with the headers that are asked for', async () => {
  const stream = '/envoy.service.accesslog.v3.AccessLogService/StreamAccessLogs';
  const collector = open.add(await startCollector({ [stream]: 'envoy.service.accesslog.v3.StreamAccessLogsMessage' }));
  const { config, findings } = decoded(
    logOf('envoy.extensions.access_loggers.grpc.v3.HttpGrpcAccessLogConfig', HttpGrpcAccessLogConfig, {
      commonConfig: { logName: 'http', grpcService: grpcServiceOf('collector'), bufferSizeBytes: 1 },
      additionalRequestHeadersToLog: ['X-Team', 'x-none'],
    }),
  );
  expect(findings).toEqual([]);
  await failed(config, collector.port, 'PUT /a HTTP/1.1\r\nhost: h\r\nuser-agent: u\r\nx-team: t\r\ncontent-length: 2\r\n\r\nxy');
  const [first] = await collector.received(1);
  expect(first!.report).toMatchObject({
    identifier: { node: { cluster: 'test.default' }, log_name: 'http' },
    http_logs: {
      log_entry: [
        {
          common_properties: {
            downstream_remote_address: { socket_address: { address: '127.0.0.1' } },
            upstream_cluster: 'dead',
            response_flags: { upstream_connection_failure: true },
            access_log_type: 'DownstreamEnd',
          },
          protocol_version: 'HTTP11',
          request: { request_method: 'PUT', authority: 'h', path: '/a', user_agent: 'u', request_headers: { 'x-team': 't' } },
          response: { response_code: 503 },
        },
      ],
    },
  });
});

test('an entry of a connection counts its bytes', () => {
  const { config } = decoded(
    logOf('envoy.extensions.access_loggers.grpc.v3.TcpGrpcAccessLogConfig', TcpGrpcAccessLogConfig, {
      commonConfig: { logName: 'tcp', grpcService: grpcServiceOf('c') },
    }),
  );
  const { sink } = config;
  if (sink.kind !== 'als') throw new Error(sink.kind);
  expect(sink.entry(anExchange({ requestProtocol: 'tcp', bytesReceived: 3, bytesSent: 4 }))).toMatchObject({
    kind: 'tcp',
    entry: {
      connectionProperties: { receivedBytes: 3, sentBytes: 4 },
      commonProperties: { accessLogType: AccessLogType.TcpConnectionEnd },
    },
  });
});

beforeAll(loadCel);

const expression = (text: string): Part<AccessLogFilter> => ({
  filterSpecifier: {
    $case: 'extensionFilter',
    value: {
      name: 'envoy.access_loggers.extension_filters.cel',
      configType: {
        $case: 'typedConfig',
        value: {
          typeUrl: 'type.googleapis.com/envoy.extensions.access_loggers.filters.cel.v3.ExpressionFilter',
          value: Buffer.from(ExpressionFilter.encode({ expression: text }).finish()),
        },
      },
    },
  },
});

describe('what is refused, by name', () => {
  test.each<[string, AccessLog, string]>([
    ['an operator', fileLog({ path: '/dev/stdout', accessLogFormat: { $case: 'format', value: '%FOO% %PROTOCOL%' } }), '%FOO%'],
    ['one in JSON', fileLog({ path: 'x', accessLogFormat: { $case: 'jsonFormat', value: { a: { b: '%REQ%' } } } }), '%REQ%'],
    ['one of a record', otlpLog({ commonConfig: { grpcService: grpcServiceOf('c') }, body: text('%BAR(x)%') }), '%BAR(x)%'],
    ['a service that is not envoy_grpc', otlpLog({ commonConfig: {} }), 'envoy_grpc'],
    ['a logger', logOf('envoy.extensions.access_loggers.wasm.v3.WasmAccessLog', FileAccessLog, {}), 'WasmAccessLog'],
    [
      'a filter',
      fileLog({ path: 'x' }, { filterSpecifier: { $case: 'extensionFilter', value: { name: 'wasm' } } }),
      'wasm is not supported',
    ],
    ['an expression', fileLog({ path: 'x' }, expression('response.code >=')), 'no expression in CEL'],
    ['a flag', fileLog({ path: 'x' }, { filterSpecifier: { $case: 'responseFlagFilter', value: { flags: ['XYZ'] } } }), 'XYZ'],
  ])('%s', (_, log, named) => {
    expect(decoded(log).findings).toEqual([expect.stringContaining(named)]);
  });
});

describe('filters', () => {
  const comparison = (op: Op, defaultValue: number) => ({ comparison: { op, value: { defaultValue, runtimeKey: '' } } });
  const status = (op: Op, code: number): Part<AccessLogFilter> => ({
    filterSpecifier: { $case: 'statusCodeFilter', value: comparison(op, code) },
  });
  const header = (name: string): Part<AccessLogFilter> => ({
    filterSpecifier: {
      $case: 'headerFilter',
      value: { header: { name, headerMatchSpecifier: { $case: 'presentMatch', value: true } } },
    },
  });
  const flags = (...names: string[]): Part<AccessLogFilter> => ({
    filterSpecifier: { $case: 'responseFlagFilter', value: { flags: names } },
  });

  test.each<[string, Part<AccessLogFilter>, Partial<Exchange>, boolean]>([
    ['status at least', status(Op.GE, 500), { status: 503 }, true],
    ['status at least', status(Op.GE, 500), { status: 404 }, false],
    ['status at most', status(Op.LE, 399), { status: 200 }, true],
    ['status equal', status(Op.EQ, 200), { status: 201 }, false],
    ['duration', { filterSpecifier: { $case: 'durationFilter', value: comparison(Op.GE, 100) } }, { durationMs: 99.9 }, false],
    ['header', header('user-agent'), {}, true],
    ['header', header('x-none'), {}, false],
    ['any flag', flags(), { flags: responseFlag.none }, false],
    ['any flag', flags(), { flags: responseFlag.localReset }, true],
    ['these flags', flags('NR', 'UH'), { flags: responseFlag.noRouteFound }, true],
    ['these flags', flags('NR', 'UH'), { flags: responseFlag.localReset }, false],
    [
      'and',
      { filterSpecifier: { $case: 'andFilter', value: { filters: [status(Op.GE, 500), header('x-none')] } } },
      { status: 503 },
      false,
    ],
    ['or', { filterSpecifier: { $case: 'orFilter', value: { filters: [status(Op.GE, 500), header('x-none')] } } }, { status: 503 }, true],
    ['gRPC status', { filterSpecifier: { $case: 'grpcStatusFilter', value: { statuses: [7] } } }, {}, true],
    ['no gRPC status', { filterSpecifier: { $case: 'grpcStatusFilter', value: { statuses: [7], exclude: true } } }, {}, false],
    ['not a health check', { filterSpecifier: { $case: 'notHealthCheckFilter', value: {} } }, { details: 'health_check_ok' }, false],
    ['traced', { filterSpecifier: { $case: 'traceableFilter', value: {} } }, {}, false],
    ['an expression on the status', expression('response.code >= 400 && request.method == "GET"'), { status: 503 }, true],
    ['an expression on the status', expression('response.code >= 400'), { status: 200 }, false],
    ['an expression on a header', expression(`'user-agent' in request.headers && !has(request.headers.none)`), {}, true],
    ['an expression on where from', expression('!connection.mtls || xds.cluster_name.startsWith("none")'), {}, false],
    ['an expression that has no value', expression('request.headers["x-none"] == "a"'), {}, false],
    ['an expression that is no truth', expression('response.code'), {}, false],
    ['a sample of nothing', { filterSpecifier: { $case: 'runtimeFilter', value: { percentSampled: { numerator: 0 } } } }, {}, false],
  ])('%s', (_, filter, changes, logged) => {
    const { config, findings } = decoded(fileLog({ path: 'x' }, filter));
    expect(findings).toEqual([]);
    expect(config.filter!(anExchange(changes), () => 0.5)).toBe(logged);
  });
});
