// Tracing as Envoy configures it: which requests are sampled, what the next hop is told, and the spans that Zipkin and OpenTelemetry get.
import { afterEach, describe, expect, test } from 'vitest';
import { OpenTelemetryConfig } from '#codec/protobuf/generated/envoy/config/trace/v3/opentelemetry';
import { ZipkinConfig } from '#codec/protobuf/generated/envoy/config/trace/v3/zipkin';
import {
  HttpConnectionManager,
  type HttpConnectionManager_Tracing as Tracing,
} from '#codec/protobuf/generated/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager';
import { UuidRequestIdConfig } from '#codec/protobuf/generated/envoy/extensions/request_id/uuid/v3/uuid';
import type { MessageFns } from '#codec/protobuf/generated/google/protobuf/any';
import { ManualClock } from '#foundation/clock';
import { decodeTracing } from '#proxy/config/decode-tracing';
import { Findings } from '#proxy/config/findings';
import { ExportQueue } from '#proxy/telemetry/export-queue';
import { TimerWheel } from '#proxy/timer-wheel';
import { Client, closer, cluster, forward, httpConfig, httpListener, httpPeer, ok, route, routeTable, TestProxy } from '../fixture.ts';
import { grpcServiceOf, startCollector } from './collector.ts';

const open = closer();
afterEach(open.closeAll);

type Part<T> = Parameters<MessageFns<T>['fromPartial']>[0];

function any<T>(typeName: string, message: MessageFns<T>, value: Part<T>) {
  return { typeUrl: `type.googleapis.com/${typeName}`, value: Buffer.from(message.encode(message.fromPartial(value)).finish()) };
}

function provider<T>(typeName: string, message: MessageFns<T>, value: Part<T>) {
  return { name: 'tracer', configType: { $case: 'typedConfig', value: any(typeName, message, value) } } as const;
}

const zipkin = (changes: Part<ZipkinConfig> = {}) =>
  provider('envoy.config.trace.v3.ZipkinConfig', ZipkinConfig, {
    collectorCluster: 'collector',
    collectorEndpoint: '/api/v2/spans',
    collectorEndpointVersion: 1,
    ...changes,
  });
const openTelemetry = (value: Part<OpenTelemetryConfig>) =>
  provider('envoy.config.trace.v3.OpenTelemetryConfig', OpenTelemetryConfig, value);

function decoded(tracing: Part<Tracing>, requestIds?: Part<UuidRequestIdConfig>) {
  const findings = new Findings();
  const typedConfig = requestIds && any('envoy.extensions.request_id.uuid.v3.UuidRequestIdConfig', UuidRequestIdConfig, requestIds);
  const manager = HttpConnectionManager.fromPartial({ tracing, ...(typedConfig && { requestIdExtension: { typedConfig } }) });
  return { config: decodeTracing(manager, 'manager', findings), findings: findings.list };
}

interface Setup {
  tracing: Part<Tracing>;
  requestIds?: Part<UuidRequestIdConfig>;
  collector: { port: number; protocol?: 'http2' };
  direction?: 'inbound' | 'outbound';
}

async function traced({ tracing, requestIds, collector, direction = 'outbound' }: Setup) {
  const upstream = open.add(await httpPeer(ok()));
  const proxy = open.add(new TestProxy());
  proxy.runtime.clusters.set(cluster('up', [upstream.port]));
  proxy.runtime.clusters.set(cluster('collector', [collector.port], { protocol: collector.protocol ?? 'http1' }));
  const { config, findings } = decoded(tracing, requestIds);
  expect(findings).toEqual([]);
  const listener = httpListener(httpConfig(routeTable({ '*': route(forward('up')) }), { tracing: config }), { direction });
  const client = open.add(await Client.connect(await proxy.listen(listener)));
  const ask = async (...headers: string[]) => {
    client.text = '';
    await client.write(`GET /a?b=c HTTP/1.1\r\nhost: reviews\r\n${headers.map((line) => `${line}\r\n`).join('')}\r\n`).until('ok');
    return upstream.requests.at(-1)!;
  };
  return { proxy, ask };
}

const traceId = '463ac35c9f6413ad48485a3953bb6124';
const spanId = 'a2fb4a1d1a96d312';
const uuid = '6cf0e9b8-9a44-4b6e-8f4e-0f3a4c2d1e5f';

describe('Zipkin', () => {
  async function collected(setup: Omit<Setup, 'collector'>, headers: string[]) {
    const collector = open.add(await httpPeer('HTTP/1.1 202 Accepted\r\ncontent-length: 0\r\n\r\n'));
    const started = await traced({ ...setup, collector });
    let told = '';
    for (let i = 0; i < 5; i++) told = await started.ask(...headers);
    while (collector.requests.length === 0) await new Promise((resolve) => setImmediate(resolve));
    const [head = '', body = ''] = collector.requests[0]!.split('\r\n\r\n');
    return { told, head, spans: JSON.parse(body) as Record<string, unknown>[] };
  }

  test('a client’s span is a child of what came, and B3 tells of it', async () => {
    const { told, head, spans } = await collected({ tracing: { provider: zipkin() } }, [
      `x-b3-traceid: ${traceId}`,
      `x-b3-spanid: ${spanId}`,
      'x-b3-sampled: 1',
      `x-request-id: ${uuid}`,
    ]);
    expect(head).toMatch(/^POST \/api\/v2\/spans HTTP\/1.1\r\nhost: collector\r\n/i);
    expect(spans).toHaveLength(5);
    const span = spans.at(-1)!;
    expect(span).toMatchObject({
      traceId,
      parentId: spanId,
      kind: 'CLIENT',
      name: 'egress reviews',
      localEndpoint: { serviceName: 'test.default' },
      tags: {
        component: 'proxy',
        'http.method': 'GET',
        'http.url': 'http://reviews/a?b=c',
        'http.status_code': '200',
        upstream_cluster: 'up',
      },
    });
    expect(span).not.toHaveProperty('shared');
    expect(told).toContain(`x-b3-spanid: ${span['id']}`);
    expect(told).toContain(`x-b3-parentspanid: ${spanId}`);
    expect(told).toContain('x-b3-sampled: 1');
    // The decision travels in the request id as well.
    expect(told).toContain('x-request-id: 6cf0e9b8-9a44-9b6e');
  });

  test('a server shares the span of its client', async () => {
    const { told, spans } = await collected({ tracing: { provider: zipkin() }, direction: 'inbound' }, [
      `b3: ${traceId}-${spanId}-1-${'1'.repeat(16)}`,
    ]);
    expect(spans[0]).toMatchObject({ traceId, id: spanId, parentId: '1'.repeat(16), kind: 'SERVER', shared: true, name: 'ingress' });
    expect(told).toContain(`x-b3-spanid: ${spanId}`);
  });

  test('the call upstream may have a span of its own', async () => {
    const { told, spans } = await collected({ tracing: { provider: zipkin(), spawnUpstreamSpan: true } }, []);
    const [first, second] = spans;
    expect(second).toMatchObject({ traceId: first!['traceId'], parentId: first!['id'], kind: 'CLIENT', name: 'router up egress' });
    expect(told).toMatch(/x-b3-parentspanid: [0-9a-f]{16}/);
  });

  test('custom tags', async () => {
    const customTags: Part<Tracing>['customTags'] = [
      { tag: 'team', type: { $case: 'literal', value: { value: 'mesh' } } },
      { tag: 'user', type: { $case: 'requestHeader', value: { name: 'X-User', defaultValue: 'nobody' } } },
      { tag: 'agent', type: { $case: 'requestHeader', value: { name: 'x-agent' } } },
      { tag: 'zone', type: { $case: 'environment', value: { name: 'ZONE', defaultValue: 'here' } } },
    ];
    const { spans } = await collected({ tracing: { provider: zipkin(), customTags } }, ['x-user: jason']);
    expect(spans[0]!['tags']).toMatchObject({ team: 'mesh', user: 'jason', zone: 'here' });
    expect(spans[0]!['tags']).not.toHaveProperty('agent');
  });
});

describe('OpenTelemetry', () => {
  const exportTraces = '/opentelemetry.proto.collector.trace.v1.TraceService/Export';

  test('spans go out over gRPC, and traceparent tells of them', async () => {
    const collector = open.add(await startCollector({ [exportTraces]: 'opentelemetry.proto.export.ExportTraceServiceRequest' }));
    const { ask, proxy } = await traced({
      tracing: { provider: openTelemetry({ grpcService: grpcServiceOf('collector'), serviceName: 'productpage.default' }) },
      collector: { port: collector.port, protocol: 'http2' },
    });
    let told = '';
    for (let i = 0; i < 5; i++) told = await ask(`traceparent: 00-${traceId}-${spanId}-01`, 'tracestate: a=1');
    const [first] = await collector.received(1);
    const { resource_spans } = first!.report as { resource_spans: { resource: object; scope_spans: { spans: { span_id: string }[] }[] }[] };
    const { resource, scope_spans } = resource_spans[0]!;
    expect(resource).toEqual({ attributes: [{ key: 'service.name', value: { string_value: 'productpage.default' } }] });
    const { spans } = scope_spans[0]!;
    expect(spans).toHaveLength(5);
    expect(spans[4]).toMatchObject({
      trace_id: Buffer.from(traceId, 'hex').toString('base64'),
      parent_span_id: Buffer.from(spanId, 'hex').toString('base64'),
      trace_state: 'a=1',
      kind: 3,
      name: 'egress reviews',
    });
    const own = Buffer.from(spans[4]!.span_id, 'base64').toString('hex');
    expect(told).toContain(`traceparent: 00-${traceId}-${own}-01`);
    expect(told).toContain('tracestate: a=1');
    while (proxy.runtime.counters.values()['tracing.opentelemetry.spans_sent'] !== 5) await new Promise((resolve) => setImmediate(resolve));
  });

  test('or over HTTP', async () => {
    const collector = open.add(await httpPeer(ok()));
    const httpService = {
      httpUri: { uri: 'http://otel.test:4318/v1/traces', httpUpstreamType: { $case: 'cluster', value: 'collector' } },
    } as const;
    const { ask } = await traced({ tracing: { provider: openTelemetry({ httpService }) }, collector });
    for (let i = 0; i < 5; i++) await ask();
    while (collector.requests.length === 0) await new Promise((resolve) => setImmediate(resolve));
    expect(collector.requests[0]).toMatch(/^POST \/v1\/traces HTTP\/1.1\r\nhost: otel.test:4318\r\ncontent-type: application\/x-protobuf/i);
  });
});

describe('sampling', () => {
  const none = { randomSampling: { value: 0 } };
  test.each<[string, Part<Tracing>, string[], string]>([
    ['all by default', {}, [], '1'],
    ['none', none, [], '0'],
    ['none, but it is forced', none, ['x-envoy-force-trace: 1'], '1'],
    ['none, but the client asks', none, ['x-client-trace-id: 7'], '1'],
    ['what the client asks may be refused', { ...none, clientSampling: { value: 0 } }, ['x-client-trace-id: 7'], '0'],
    ['none overall', { overallSampling: { value: 0 } }, ['x-envoy-force-trace: 1'], '0'],
    ['the hop before has decided', none, [`x-b3-traceid: ${traceId}`, `x-b3-spanid: ${spanId}`, 'x-b3-sampled: 1'], '1'],
    ['against it, too', {}, ['x-b3-sampled: 0'], '0'],
    ['in the request id', none, [`x-request-id: ${uuid.slice(0, 14)}9${uuid.slice(15)}`], '1'],
  ])('%s', async (_, tracing, headers, sampled) => {
    const collector = open.add(await httpPeer(ok()));
    const { ask } = await traced({ tracing: { provider: zipkin(), ...tracing }, collector });
    expect(await ask(...headers)).toContain(`x-b3-sampled: ${sampled}`);
  });
});

test.each<[string, Part<UuidRequestIdConfig>, sampled: string, mark: string]>([
  ['they are read and marked', {}, '0', '9'],
  ['they are not read: everything is sampled', { useRequestIdForTraceSampling: false }, '1', '9'],
  ['they are read, and left as they are', { packTraceReason: false }, '0', '4'],
])('request ids: %s', async (_, requestIds, sampled, mark) => {
  const collector = open.add(await httpPeer(ok()));
  const none = { provider: zipkin(), randomSampling: { value: 0 } };
  expect(await (await traced({ tracing: none, requestIds, collector })).ask()).toContain(`x-b3-sampled: ${sampled}`);
  const all = await traced({ tracing: { provider: zipkin() }, requestIds, collector });
  expect(/x-request-id: (\S+)/.exec(await all.ask(`x-request-id: ${uuid}`))?.[1]?.[14]).toBe(mark);
});

test.each<[string, Part<Tracing>, string]>([
  ['a tracer', { provider: provider('envoy.config.trace.v3.XRayConfig', ZipkinConfig, {}) }, 'XRayConfig'],
  ['a version of Zipkin’s', { provider: zipkin({ collectorEndpointVersion: 2 }) }, 'HTTP_JSON'],
  ['no service', { provider: openTelemetry({}) }, 'grpc_service'],
  ['a sampler', { provider: openTelemetry({ grpcService: grpcServiceOf('c'), sampler: { name: 'dynatrace' } }) }, 'dynatrace'],
  ['a tag', { provider: zipkin(), customTags: [{ tag: 'x' }] }, 'tag x'],
])('%s that is not supported is refused by name', (_, tracing, named) => {
  expect(decoded(tracing).findings).toEqual([expect.stringContaining(named)]);
});

test('a collector that stalls costs a bounded amount: the rest is dropped and counted', () => {
  const clock = new ManualClock();
  const calls: { items: readonly number[]; done: (delivered: boolean) => void }[] = [];
  const [sent, dropped] = [{ value: 0 }, { value: 0 }];
  const queue = new ExportQueue<number>({
    timers: new TimerWheel(clock),
    flushIntervalMs: 1000,
    batchItemsMin: 3,
    backlogItemsMax: 4,
    sent,
    dropped,
    send: (items, done) => calls.push({ items, done }),
  });
  for (let i = 0; i < 10; i++) queue.add(i);
  expect(calls.map(({ items }) => items)).toEqual([[0, 1, 2]]);
  expect(dropped.value).toBe(3);
  calls[0]!.done(true);
  expect(calls[1]!.items).toEqual([3, 4, 5, 6]);
  calls[1]!.done(false);
  expect({ sent: sent.value, dropped: dropped.value }).toEqual({ sent: 3, dropped: 7 });
  queue.add(10);
  clock.advance(1100);
  expect(calls[2]!.items).toEqual([10]);
});
