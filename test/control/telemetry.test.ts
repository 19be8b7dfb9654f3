// Telemetries and MeshConfig's providers: what proxies are told of traces and access logs.
import { beforeAll, expect, test } from 'vitest';
import { Listener } from '#codec/protobuf/generated/envoy/config/listener/v3/listener';
import { ZipkinConfig } from '#codec/protobuf/generated/envoy/config/trace/v3/zipkin';
import { HttpConnectionManager } from '#codec/protobuf/generated/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager';
import { UuidRequestIdConfig } from '#codec/protobuf/generated/envoy/extensions/request_id/uuid/v3/uuid';
import { PluginConfig } from '#codec/protobuf/generated/istio/stats';
import { fold } from '#control/mesh/fold';
import { emptySnapshot } from '#control/mesh/snapshot';
import { ResourceCache } from '#control/translate/resource-cache';
import { Translator } from '#control/translate/translator';
import { ViewFactory } from '#control/view/proxy-view';
import { decodeListener } from '#proxy/config/decode-listener';
import { decoding } from '#proxy/config/findings';
import { loadCel } from '#proxy/expression/library';
import { typeUrl } from '#xds/resource-type';
import { setsOf, testProxy } from './fixture.ts';

beforeAll(loadCel);

const service = `
apiVersion: v1
kind: Service
metadata: {name: reviews, namespace: default}
spec:
  selector: {app: reviews}
  ports: [{name: http, port: 9080}]
`;

const mesh = `
extensionProviders:
- {name: zipkin, zipkin: {service: zipkin.istio-system.svc.cluster.local, port: 9411}}
- {name: otel, opentelemetry: {service: tools/otel.tools.svc.cluster.local, port: 4317}}
- {name: als, envoyOtelAls: {service: otel.tools.svc.cluster.local, port: 4317, logFormat: {text: "%PROTOCOL%", labels: {code: "%RESPONSE_CODE%"}}}}
- {name: json, envoyFileAccessLog: {path: /tmp/log, logFormat: {labels: {code: "%RESPONSE_CODE%"}}}}
- {name: authz, envoyExtAuthzGrpc: {service: a, port: 1}}
`;

function configMap(text: string) {
  const metadata = { name: 'istio', namespace: 'istio-system' };
  return setsOf(JSON.stringify({ apiVersion: 'v1', kind: 'ConfigMap', metadata, data: { mesh: text } }));
}

const telemetry = (namespace: string, name: string, spec: object) =>
  setsOf(JSON.stringify({ apiVersion: 'telemetry.istio.io/v1', kind: 'Telemetry', metadata: { name, namespace }, spec }));

/** Of a sidecar's connection managers: to the service, and of the workload itself. Every listener is one that our proxy takes. */
function managers(config: string, ...telemetries: ReturnType<typeof setsOf>[]) {
  const base = fold(fold(emptySnapshot(), setsOf(service)).snapshot, configMap(config)).snapshot;
  const { snapshot } = fold(base, telemetries.flat());
  const proxy = testProxy('sidecar~10.0.0.1~reviews.default~default.svc.cluster.local', {
    LABELS: { app: 'reviews', version: 'v2' },
    ISTIO_VERSION: '1.28.0',
  });
  const translated = new Translator(new ResourceCache()).translate(new ViewFactory(snapshot).view(proxy), typeUrl.listener, {
    wildcard: true,
    names: new Set<string>(),
  });
  const listeners = [...translated.values()].map(({ body }) => Listener.decode(body.value));
  for (const listener of listeners) expect(decoding((findings) => decodeListener(listener, findings))).toMatchObject({ ok: true });
  const managerOf = (listener: Listener | undefined) => {
    const config = listener?.filterChains
      .flatMap(({ filters }) => filters)
      .find(({ name }) => name.endsWith('http_connection_manager'))?.configType;
    return config?.$case === 'typedConfig' ? HttpConnectionManager.decode(config.value.value) : undefined;
  };
  const outbound = managerOf(listeners.find(({ name }) => name === '0.0.0.0_9080'));
  const inbound = managerOf(listeners.find(({ name }) => name === 'virtualInbound'));
  const tcpStats = listeners
    .flatMap(({ filterChains, defaultFilterChain }) => [...filterChains, ...(defaultFilterChain ? [defaultFilterChain] : [])])
    .map(({ filters }) => filters.map(({ name, configType }) => ({ name, configType })))
    .filter((filters) => filters.some(({ name }) => name.endsWith('tcp_proxy')))
    .map((filters) => filters.find(({ name }) => name === 'istio.stats')?.configType)
    .map((type) => (type?.$case === 'typedConfig' ? PluginConfig.decode(type.value.value) : undefined));
  return { outbound, inbound, tcpStats };
}

const tracerOf = (manager: HttpConnectionManager | undefined) => manager?.tracing?.provider?.name;
const logsOf = (manager: HttpConnectionManager | undefined) =>
  manager?.accessLog.map(({ name }) => name.replace('envoy.access_loggers.', ''));

test('without a provider nothing is traced, and the mesh’s file is the log', () => {
  const { outbound, inbound } = managers(mesh);
  expect([tracerOf(outbound), tracerOf(inbound)]).toEqual([undefined, undefined]);
  expect([logsOf(outbound), logsOf(inbound)]).toEqual([['file'], ['file']]);
});

test('the mesh’s default provider traces one in a hundred, with Istio’s tags', () => {
  const { outbound, inbound } = managers(`${mesh}\ndefaultProviders: {tracing: [zipkin]}`);
  expect([tracerOf(outbound), tracerOf(inbound)]).toEqual(['envoy.tracers.zipkin', 'envoy.tracers.zipkin']);
  const { tracing } = outbound!;
  expect(tracing).toMatchObject({ randomSampling: { value: 1 }, clientSampling: { value: 100 }, overallSampling: { value: 100 } });
  expect(tracing!.customTags.map(({ tag }) => tag)).toContain('istio.canonical_revision');
  expect(ZipkinConfig.decode(tracing!.provider!.configType!.value.value)).toMatchObject({
    collectorCluster: 'outbound|9411||zipkin.istio-system.svc.cluster.local',
    collectorEndpoint: '/api/v2/spans',
  });
});

test('a Telemetry that is nearer goes before: root, namespace, workload', () => {
  const root = telemetry('istio-system', 'root', { tracing: [{ providers: [{ name: 'zipkin' }], randomSamplingPercentage: 10 }] });
  const near = telemetry('default', 'near', {
    tracing: [{ randomSamplingPercentage: 50, customTags: { team: { literal: { value: 'a' } } } }],
  });
  const own = telemetry('default', 'own', {
    selector: { matchLabels: { app: 'reviews' } },
    tracing: [{ providers: [{ name: 'otel' }], enableIstioTags: false }],
  });
  const other = telemetry('default', 'other', { selector: { matchLabels: { app: 'other' } }, tracing: [{ randomSamplingPercentage: 99 }] });
  const sampled = (...all: ReturnType<typeof setsOf>[]) => {
    const { outbound } = managers(mesh, ...all);
    return [tracerOf(outbound), outbound?.tracing?.randomSampling?.value];
  };
  expect(sampled(root)).toEqual(['envoy.tracers.zipkin', 10]);
  expect(sampled(root, near, other)).toEqual(['envoy.tracers.zipkin', 50]);
  expect(sampled(root, near, own)).toEqual(['envoy.tracers.opentelemetry', 50]);
  expect(managers(mesh, root, near, own).outbound?.tracing?.customTags.map(({ tag }) => tag)).toEqual(['team']);
});

test('for one side alone', () => {
  const server = telemetry('default', 'server', {
    tracing: [{ match: { mode: 'SERVER' }, providers: [{ name: 'otel' }] }],
    accessLogging: [{ match: { mode: 'CLIENT' }, disabled: true }],
  });
  const { outbound, inbound } = managers(mesh, server);
  expect([tracerOf(outbound), tracerOf(inbound)]).toEqual([undefined, 'envoy.tracers.opentelemetry']);
  expect([logsOf(outbound), logsOf(inbound)]).toEqual([[], ['file']]);
});

test('reporting can be turned off', () => {
  const off = telemetry('default', 'off', { tracing: [{ disableSpanReporting: true }] });
  expect(tracerOf(managers(`${mesh}\ndefaultProviders: {tracing: [zipkin]}`, off).outbound)).toBeUndefined();
});

test.each([
  [undefined, undefined],
  [true, { useRequestIdForTraceSampling: true }],
  [false, { useRequestIdForTraceSampling: false }],
])('request ids may be left out of it: %s', (useRequestIdForTraceSampling, expected) => {
  const own = telemetry('default', 'own', {
    tracing: [{ ...(useRequestIdForTraceSampling !== undefined && { useRequestIdForTraceSampling }) }],
  });
  const { typedConfig } = managers(`${mesh}\ndefaultProviders: {tracing: [zipkin]}`, own).outbound?.requestIdExtension ?? {};
  expect(typedConfig && UuidRequestIdConfig.decode(typedConfig.value)).toEqual(expected && expect.objectContaining(expected));
});

test('access logs go where providers say', () => {
  const logs = telemetry('istio-system', 'logs', {
    accessLogging: [{ providers: [{ name: 'als' }, { name: 'json' }, { name: 'envoy' }] }],
  });
  expect(logsOf(managers(mesh, logs).outbound)).toEqual(['open_telemetry', 'file', 'file']);
  expect(logsOf(managers(`${mesh}\ndefaultProviders: {accessLogging: [json]}`).inbound)).toEqual(['file']);
});

test('a log has what its expression lets through', () => {
  const filtered = telemetry('default', 'filtered', {
    accessLogging: [{ providers: [{ name: 'envoy' }], filter: { expression: 'response.code >= 400' } }],
  });
  const { outbound } = managers(mesh, filtered);
  expect(outbound?.accessLog.map(({ filter }) => filter?.filterSpecifier?.$case)).toEqual(['extensionFilter']);
});

test('metrics: overrides of all layers, for their sides', () => {
  const metrics = (overrides: object[], providers?: object[]) => ({ metrics: [{ overrides, ...(providers && { providers }) }] });
  const root = telemetry('istio-system', 'root', metrics([{ tagOverrides: { host: { value: 'request.host' } } }]));
  const own = telemetry(
    'default',
    'own',
    metrics([
      { match: { metric: 'REQUEST_SIZE', mode: 'SERVER' }, disabled: true },
      { match: { metric: 'REQUEST_COUNT' }, tagOverrides: { source_app: { operation: 'REMOVE' } } },
    ]),
  );
  const elsewhere = telemetry('istio-system', 'root', metrics([{ disabled: true }], [{ name: 'stackdriver' }]));
  const configOf = (manager: HttpConnectionManager | undefined) => {
    const type = manager?.httpFilters.find(({ name }) => name === 'istio.stats')?.configType;
    return type?.$case === 'typedConfig' ? PluginConfig.decode(type.value.value).metrics : undefined;
  };
  const { outbound, inbound } = managers(mesh, root, own);
  const count = { name: 'requests_total', tagsToRemove: ['source_app'], drop: false };
  expect(configOf(outbound)).toMatchObject([{ name: '', dimensions: { host: 'request.host' } }, count]);
  expect(configOf(inbound)).toMatchObject([{ name: '' }, { name: 'request_bytes', drop: true }, count]);
  expect(configOf(managers(mesh, elsewhere).outbound)).toEqual([]);
});

test('connections are counted everywhere, and as often as is said', () => {
  const usual = managers(mesh).tcpStats;
  expect(usual.length).toBeGreaterThan(3);
  expect(new Set(usual.map((stats) => stats?.tcpReportingDuration))).toEqual(new Set([undefined]));
  expect(usual).not.toContain(undefined);
  const root = telemetry('istio-system', 'root', { metrics: [{ reportingInterval: '30s' }] });
  const own = telemetry('default', 'own', { metrics: [{ reportingInterval: '500ms' }] });
  const { tcpStats } = managers(mesh, root, own);
  expect(tcpStats).toHaveLength(usual.length);
  for (const stats of tcpStats) expect(stats?.tcpReportingDuration).toEqual({ seconds: 0, nanos: 500_000_000 });
});

test.each([
  ['extensionProviders: {}', 'must be a list'],
  ['extensionProviders: [{zipkin: {}}]', 'each needs a name'],
  ['extensionProviders: [{name: a, zipkin: {service: b}}]', 'a needs a service and a port'],
  ['defaultConfig: {tracing: {sampling: 200}}', 'from 0 to 100'],
])('%s is refused with its reason', (text, reason) => {
  const { snapshot } = fold(emptySnapshot(), configMap(text));
  expect([...snapshot.problems.values()].flat().map(({ message }) => message)).toEqual([expect.stringContaining(reason)]);
});
