// The ConfigMap `istio`: what each field of MeshConfig does to what proxies are sent, and what becomes of one that is wrong.
import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { Cluster } from '#codec/protobuf/generated/envoy/config/cluster/v3/cluster';
import { ClusterLoadAssignment } from '#codec/protobuf/generated/envoy/config/endpoint/v3/endpoint';
import { Listener } from '#codec/protobuf/generated/envoy/config/listener/v3/listener';
import { RouteConfiguration } from '#codec/protobuf/generated/envoy/config/route/v3/route';
import { ZipkinConfig } from '#codec/protobuf/generated/envoy/config/trace/v3/zipkin';
import { FileAccessLog } from '#codec/protobuf/generated/envoy/extensions/access_loggers/file/v3/file';
import { HttpConnectionManager } from '#codec/protobuf/generated/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager';
import { HttpProtocolOptions } from '#codec/protobuf/generated/envoy/extensions/upstreams/http/v3/http_protocol_options';
import { fold } from '#control/mesh/fold';
import { emptySnapshot, type MeshSnapshot } from '#control/mesh/snapshot';
import { ResourceCache } from '#control/translate/resource-cache';
import { Translator } from '#control/translate/translator';
import { type ProxyView, ViewFactory } from '#control/view/proxy-view';
import { watchMeshConfigFile } from '#main/mesh-config-file';
import { typeUrl } from '#xds/resource-type';
import { until } from '../integration/until.ts';
import { setsOf, testProxy } from './fixture.ts';

const services = `
apiVersion: v1
kind: Service
metadata: {name: reviews, namespace: default}
spec:
  selector: {app: reviews}
  ports: [{name: http, port: 9080}]
---
apiVersion: v1
kind: Service
metadata: {name: far, namespace: other}
spec:
  ports: [{name: http, port: 9080}]
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: ratings, namespace: other}
spec:
  hosts: [ratings.example.com]
  http: [{route: [{destination: {host: far.other.svc.cluster.local}}]}]
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: reviews, namespace: elsewhere}
spec:
  host: reviews.default.svc.cluster.local
  subsets: [{name: v1, labels: {version: v1}}]
`;

function configMap(mesh: string) {
  return setsOf(
    JSON.stringify({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'istio', namespace: 'istio-system' }, data: { mesh } }),
  );
}

const withConfig = (mesh: string): MeshSnapshot => fold(fold(emptySnapshot(), setsOf(services)).snapshot, configMap(mesh)).snapshot;

/** What a client in `default` is sent. */
function sent(snapshot: MeshSnapshot) {
  const view = new ViewFactory(snapshot).view(
    testProxy('sidecar~10.0.0.1~client.default~default.svc.cluster.local', { LABELS: { app: 'client' } }),
  );
  return sentTo(view);
}

function sentTo(view: ProxyView) {
  const translator = new Translator(new ResourceCache());
  const all = { wildcard: true, names: new Set<string>() };
  const clusters = [...translator.translate(view, typeUrl.cluster, all).values()].map((each) => Cluster.decode(each.body.value));
  const listeners = [...translator.translate(view, typeUrl.listener, all).values()].map((each) => Listener.decode(each.body.value));
  const filter = listeners.find(({ name }) => name === '0.0.0.0_9080')?.filterChains[0]?.filters[0]?.configType;
  const manager = filter?.$case === 'typedConfig' ? HttpConnectionManager.decode(filter.value.value) : undefined;
  const routesOf = (name: string) => {
    const resource = translator.translate(view, typeUrl.route, { wildcard: false, names: new Set([name]) }).get(name);
    return resource ? RouteConfiguration.decode(resource.body.value).virtualHosts : [];
  };
  return { clusters, listeners, manager, routesOf };
}

type Sent = ReturnType<typeof sent>;

const logOf = ({ manager }: Sent) => {
  const [log] = manager?.accessLog ?? [];
  if (!log) return 'none';
  const file = FileAccessLog.decode(log.configType?.value.value ?? new Uint8Array());
  const { format } = file.accessLogFormat?.$case === 'logFormat' ? file.accessLogFormat.value : {};
  const shown =
    format?.$case === 'jsonFormat'
      ? Object.keys(format.value ?? {}).slice(0, 2)
      : format?.$case === 'textFormatSource' && format.value.specifier?.value;
  return `${file.path} ${shown}`.slice(0, 40);
};

const reviewsCluster = ({ clusters }: Sent) => clusters.find(({ name }) => name === 'outbound|9080||reviews.default.svc.cluster.local');
const reviewsRoute = ({ routesOf }: Sent) => {
  const [route] = routesOf('9080').find(({ name }) => name.startsWith('reviews'))?.routes ?? [];
  return route?.action?.$case === 'route' ? route.action.value : undefined;
};

interface Row {
  field: string;
  mesh: string;
  shows: (sent: Sent) => unknown;
  before: unknown;
  after: unknown;
}

const rows: Row[] = [
  { field: 'accessLogFile', mesh: 'accessLogFile: ""', shows: logOf, before: '/dev/stdout [%START_TIME%] "%REQ(:METHOD', after: 'none' },
  {
    field: 'tcpKeepalive',
    mesh: 'tcpKeepalive: {time: 60s, interval: 5s, probes: 3}',
    shows: (sent) => reviewsCluster(sent)?.upstreamConnectionOptions?.tcpKeepalive,
    before: undefined,
    after: { keepaliveTime: 60, keepaliveInterval: 5, keepaliveProbes: 3 },
  },
  {
    field: 'accessLogFormat',
    mesh: 'accessLogFormat: "%PROTOCOL%"',
    shows: logOf,
    before: '/dev/stdout [%START_TIME%] "%REQ(:METHOD',
    after: '/dev/stdout %PROTOCOL%\n',
  },
  {
    field: 'accessLogFormat as JSON',
    mesh: `accessLogEncoding: JSON\naccessLogFormat: '{"p": "%PROTOCOL%"}'`,
    shows: logOf,
    before: '/dev/stdout [%START_TIME%] "%REQ(:METHOD',
    after: '/dev/stdout p',
  },
  {
    field: 'accessLogEncoding',
    mesh: 'accessLogEncoding: JSON',
    shows: logOf,
    before: '/dev/stdout [%START_TIME%] "%REQ(:METHOD',
    after: '/dev/stdout start_time,method',
  },
  {
    field: 'outboundTrafficPolicy',
    mesh: 'outboundTrafficPolicy: {mode: REGISTRY_ONLY}',
    shows: ({ routesOf }) => routesOf('9080').find(({ domains }) => domains.includes('*'))?.name,
    before: 'allow_any',
    after: 'block_all',
  },
  {
    field: 'connectTimeout',
    mesh: 'connectTimeout: 3s',
    shows: (sent) => reviewsCluster(sent)?.connectTimeout?.seconds,
    before: 10,
    after: 3,
  },
  {
    field: 'defaultHttpRetryPolicy',
    mesh: 'defaultHttpRetryPolicy: {attempts: 5, retryOn: 5xx}',
    shows: (sent) => [reviewsRoute(sent)?.retryPolicy?.numRetries, reviewsRoute(sent)?.retryPolicy?.retryOn.slice(0, 5)],
    before: [2, 'conne'],
    after: [5, '5xx'],
  },
  {
    field: 'defaultHttpRetryPolicy of none',
    mesh: 'defaultHttpRetryPolicy: {attempts: 0}',
    shows: (sent) => reviewsRoute(sent)?.retryPolicy?.numRetries,
    before: 2,
    after: undefined,
  },
  {
    field: 'defaultServiceExportTo',
    mesh: 'defaultServiceExportTo: ["."]',
    shows: ({ clusters }) => clusters.some(({ name }) => name.includes('far.other')),
    before: true,
    after: false,
  },
  {
    field: 'defaultVirtualServiceExportTo',
    mesh: 'defaultVirtualServiceExportTo: ["."]',
    shows: ({ routesOf }) => routesOf('80').some(({ name }) => name.startsWith('ratings')),
    before: true,
    after: false,
  },
  {
    field: 'defaultDestinationRuleExportTo, with rootNamespace',
    mesh: 'rootNamespace: elsewhere\ndefaultDestinationRuleExportTo: ["."]',
    shows: ({ clusters }) => clusters.some(({ name }) => name.includes('|v1|')),
    before: false,
    after: false,
  },
  {
    field: 'rootNamespace',
    mesh: 'rootNamespace: elsewhere',
    shows: ({ clusters }) => clusters.some(({ name }) => name.includes('|v1|')),
    before: false,
    after: true,
  },
  {
    field: 'pathNormalization',
    mesh: 'pathNormalization: {normalization: DECODE_AND_MERGE_SLASHES}',
    shows: ({ manager }) => [manager?.normalizePath, manager?.mergeSlashes, manager?.pathWithEscapedSlashesAction],
    before: [true, false, 0],
    after: [true, true, 4],
  },
  {
    field: 'pathNormalization of none',
    mesh: 'pathNormalization: {normalization: NONE}',
    shows: ({ manager }) => manager?.normalizePath,
    before: true,
    after: false,
  },
  {
    field: 'defaultConfig.tracing',
    mesh: 'defaultConfig: {tracing: {sampling: 40, zipkin: {address: "far.other:9080"}, maxPathTagLength: 99, customTags: {a: {literal: {value: b}}}}}',
    shows: ({ manager }) => {
      const { randomSampling, maxPathTagLength, customTags, provider } = manager?.tracing ?? {};
      const config = provider?.configType && ZipkinConfig.decode(provider.configType.value.value);
      return [randomSampling?.value, maxPathTagLength, customTags?.some(({ tag }) => tag === 'a'), config?.collectorCluster];
    },
    before: [undefined, undefined, undefined, undefined],
    after: [40, 99, true, 'outbound|9080||far.other.svc.cluster.local'],
  },
  {
    field: 'enableTracing',
    mesh: 'enableTracing: false\ndefaultConfig: {tracing: {zipkin: {address: "far.other:9080"}}}',
    shows: ({ manager }) => manager?.tracing,
    before: undefined,
    after: undefined,
  },
  {
    field: 'discoverySelectors',
    mesh: 'discoverySelectors: [{matchLabels: {mesh: in}}, {matchExpressions: [{key: kubernetes.io/metadata.name, operator: In, values: [default]}]}]',
    shows: ({ clusters, routesOf }) => [
      clusters.some(({ name }) => name.includes('far.other')),
      clusters.some(({ name }) => name.includes('reviews.default')),
      routesOf('80').some(({ name }) => name.startsWith('ratings')),
    ],
    before: [true, true, true],
    after: [false, true, false],
  },
  {
    field: 'h2UpgradePolicy',
    mesh: 'h2UpgradePolicy: UPGRADE',
    shows: (sent) => {
      const [options] = Object.values(reviewsCluster(sent)?.typedExtensionProtocolOptions ?? {});
      const upstream = options && HttpProtocolOptions.decode(options.value).upstreamProtocolOptions;
      return upstream?.$case === 'explicitHttpConfig' ? upstream.value.protocolConfig?.$case : 'http1';
    },
    before: 'http1',
    after: 'http2ProtocolOptions',
  },
];

describe('the mesh is configured anew while it runs', () => {
  test.each(rows)('$field', ({ mesh, shows, before, after }) => {
    const plain = fold(emptySnapshot(), setsOf(services)).snapshot;
    expect(shows(sent(plain))).toEqual(before);
    const changed = withConfig(mesh);
    expect(changed.problems.get('ConfigMap istio-system/istio')).toBeUndefined();
    expect(shows(sent(changed))).toEqual(after);
    const { snapshot } = fold(changed, [{ type: 'delete', kind: 'ConfigMap', namespace: 'istio-system', name: 'istio' }]);
    expect(shows(sent(snapshot))).toEqual(before);
  });

  test('what the configuration does not touch keeps its stamp', () => {
    const before = fold(emptySnapshot(), setsOf(services)).snapshot;
    const { snapshot, changes } = fold(before, configMap('connectTimeout: 3s'));
    expect(snapshot.services.get('reviews.default.svc.cluster.local')).toBe(before.services.get('reviews.default.svc.cluster.local'));
    expect(changes).toMatchObject({ services: new Set(), virtualServices: new Set(), config: new Set(['mesh']) });
    expect(snapshot.configRevision).toBe(before.configRevision + 1);
  });

  test('another ConfigMap, and the same configuration once more, change nothing', () => {
    const before = withConfig('connectTimeout: 3s');
    expect(fold(before, configMap('connectTimeout: 3000ms')).snapshot.revision).toBe(before.revision);
    const other = setsOf(
      '{apiVersion: v1, kind: ConfigMap, metadata: {name: istio, namespace: default}, data: {mesh: "connectTimeout: 9s"}}',
    );
    expect(fold(before, other).snapshot.revision).toBe(before.revision);
  });
});

test('what a proxy says of itself is laid over the mesh’s default, which may change; where it is wrong, that holds alone', () => {
  const managerOf = (config: object) => {
    const snapshot = withConfig('defaultConfig: {proxyHeaders: {server: {value: mesh}, requestId: {disabled: true}}}');
    const id = 'sidecar~10.0.0.1~client.default~default.svc.cluster.local';
    const view = new ViewFactory(snapshot).view(testProxy(id, { PROXY_CONFIG: config }));
    return sentTo(view).manager;
  };
  expect(managerOf({ proxyHeaders: { server: { value: 'own' } } })).toMatchObject({ serverName: 'own', generateRequestId: false });
  expect(managerOf({ proxyHeaders: 'none' })).toMatchObject({ serverName: 'mesh', generateRequestId: false });
});

const namespace = (labels: string) => setsOf(`{apiVersion: v1, kind: Namespace, metadata: {name: other, labels: ${labels}}}`);

test('what was installed may change; the ConfigMap stays over it', () => {
  const before = withConfig('accessLogFile: ""');
  const { snapshot, changes } = fold(before, [], { ...before.installed, connectTimeoutMs: 4000, accessLogFile: '/tmp/log' });
  expect(snapshot.config).toMatchObject({ connectTimeoutMs: 4000, accessLogFile: '' });
  expect(changes.config).toEqual(new Set(['mesh']));
});

describe('a file', () => {
  const directory = mkdtempSync(path.join(tmpdir(), 'lateen-mesh-config-'));
  const file = path.join(directory, 'mesh.yaml');
  afterAll(() => rmSync(directory, { recursive: true }));

  test('is watched; what is wrong with it is told, and a good one takes effect', async () => {
    writeFileSync(file, 'connectTimeout: 1s');
    const heard: unknown[] = [];
    const end = watchMeshConfigFile(
      file,
      {
        changed: ({ connectTimeoutMs }) => heard.push(connectTimeoutMs),
        failed: ({ message }) => heard.push(message.replace(file, 'FILE')),
      },
      20,
    );
    try {
      // Again and again: a change before the first look is none.
      await until('the bad one is told', () => {
        writeFileSync(file, 'connectTimeout: tomorrow');
        return heard.length > 0;
      });
      expect(heard[0]).toBe('FILE: connectTimeout "tomorrow" is no duration, such as 10s');
      writeFileSync(`${file}.new`, 'connectTimeout: 7s ');
      renameSync(`${file}.new`, file);
      await until('the good one is read', () => heard.at(-1) === 7000);
    } finally {
      end();
    }
  });
});

describe('discoverySelectors', () => {
  const far = 'far.other.svc.cluster.local';
  const selecting = withConfig('discoverySelectors: [{matchLabels: {mesh: in}}]');

  test('a namespace comes in, and goes, as its labels change', () => {
    expect([...selecting.services.keys()]).toEqual([]);
    const labelled = fold(selecting, namespace('{mesh: in}')).snapshot;
    expect([...labelled.services.keys()]).toEqual([far]);
    expect([...labelled.virtualServices.keys()]).toEqual(['other/ratings']);
    expect([...fold(labelled, namespace('{mesh: out}')).snapshot.services.keys()]).toEqual([]);
  });

  test('what is changed and deleted aside is so when its namespace comes in', () => {
    const changed = fold(selecting, setsOf(services.replace('name: far, namespace: other', 'name: near, namespace: other'))).snapshot;
    const deleted = fold(changed, [{ type: 'delete', kind: 'Service', namespace: 'other', name: 'far' }]).snapshot;
    const labelled = fold(deleted, namespace('{mesh: in}')).snapshot;
    expect([...labelled.services.keys()]).toEqual(['near.other.svc.cluster.local']);
  });

  test('without selectors nothing stays aside', () => {
    const { snapshot } = fold(selecting, configMap(''));
    expect(snapshot.undiscovered.size).toBe(0);
    expect(snapshot.services.has(far)).toBe(true);
  });
});

describe('serviceSettings: who is cluster-local is found in the own cluster alone', () => {
  const machines = setsOf(`
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: machines, namespace: default}
spec:
  hosts: [a.shop.example.com, b.shop.example.com]
  ports: [{number: 80, name: http, protocol: HTTP}]
  resolution: STATIC
  location: MESH_INTERNAL
  endpoints: [{address: 10.9.0.1}, {address: 10.9.0.2, labels: {topology.istio.io/cluster: west}}]
`);
  const west = testProxy('sidecar~10.0.0.1~client.default~default.svc.cluster.local', { CLUSTER_ID: 'west' });
  const east = testProxy('sidecar~10.0.0.1~client.default~default.svc.cluster.local');
  const addresses = (snapshot: MeshSnapshot, proxy: typeof west, host: string) => {
    const name = `outbound|80||${host}`;
    const set = new Translator(new ResourceCache()).translate(new ViewFactory(snapshot).view(proxy), typeUrl.endpoint, {
      wildcard: false,
      names: new Set([name]),
    });
    const { endpoints } = ClusterLoadAssignment.decode(set.get(name)!.body.value);
    return endpoints.flatMap(({ lbEndpoints }) =>
      lbEndpoints.map(({ hostIdentifier: host }) => {
        const address = host?.$case === 'endpoint' ? host.value.address?.address : undefined;
        return address?.$case === 'socketAddress' ? address.value.address : '';
      }),
    );
  };

  test.each([
    ['', 'a.shop.example.com', ['10.9.0.1', '10.9.0.2'], ['10.9.0.1', '10.9.0.2']],
    [
      'serviceSettings: [{settings: {clusterLocal: true}, hosts: ["*.shop.example.com"]}]',
      'a.shop.example.com',
      ['10.9.0.1'],
      ['10.9.0.2'],
    ],
    [
      'serviceSettings: [{settings: {clusterLocal: true}, hosts: ["*"]}, {settings: {clusterLocal: false}, hosts: [b.shop.example.com]}]',
      'b.shop.example.com',
      ['10.9.0.1', '10.9.0.2'],
      ['10.9.0.1', '10.9.0.2'],
    ],
  ])('%s: %s', (mesh, host, ofEast, ofWest) => {
    const { snapshot } = fold(withConfig(mesh), machines);
    expect(addresses(snapshot, east, host)).toEqual(ofEast);
    expect(addresses(snapshot, west, host)).toEqual(ofWest);
  });
});

describe('wrong', () => {
  test.each([
    [
      'defaultConfig: {gatewayTopology: {numTrustedProxies: -1}}',
      'data.mesh: defaultConfig',
      'gatewayTopology.numTrustedProxies must be 0 or more',
    ],
    ['defaultConfig: {tracing: {sampling: 101}}', 'data.mesh: defaultConfig', 'tracing.sampling must be from 0 to 100'],
    [
      'defaultConfig: {tracing: {zipkin: {address: zipkin}}}',
      'data.mesh: defaultConfig',
      'tracing.zipkin.address: "zipkin" is not HOST:PORT',
    ],
    [
      'defaultConfig: {proxyHeaders: {forwardedClientCert: SOME}}',
      'data.mesh: defaultConfig',
      'proxyHeaders.forwardedClientCert: "SOME" is none of SANITIZE, FORWARD_ONLY, APPEND_FORWARD, SANITIZE_SET, ALWAYS_FORWARD_ONLY',
    ],
    ['discoverySelectors: {matchLabels: {a: b}}', 'data.mesh: discoverySelectors', 'must be a list'],
    [
      'discoverySelectors: [{matchExpressions: [{key: a, operator: Is}]}]',
      'data.mesh: discoverySelectors',
      '"Is" is none of In, NotIn, Exists, DoesNotExist',
    ],
    ['serviceSettings: [{settings: {clusterLocal: yes please}}]', 'data.mesh: serviceSettings', 'must be true or false, not "yes please"'],
    ['connectTimeout: soon', 'data.mesh: connectTimeout', '"soon" is no duration, such as 10s'],
    ['localityLbSetting: {failover: x}', 'data.mesh: localityLbSetting', 'failover must be a list of objects'],
    ['outboundTrafficPolicy: {mode: SOME}', 'data.mesh: outboundTrafficPolicy', '"SOME" is none of ALLOW_ANY, REGISTRY_ONLY'],
    ['outboundTrafficPolicy: SOME', 'data.mesh: outboundTrafficPolicy', 'must be an object'],
    ['accessLogFile: 3', 'data.mesh: accessLogFile', 'must be a text, not 3'],
    [
      'accessLogEncoding: JSON\naccessLogFormat: "%PROTOCOL%"',
      'data.mesh: accessLogFormat',
      'must be a JSON object, since accessLogEncoding is JSON',
    ],
    ['defaultServiceExportTo: .', 'data.mesh: defaultServiceExportTo', 'must be a list of texts'],
    ['defaultHttpRetryPolicy: {attempts: -1}', 'data.mesh: defaultHttpRetryPolicy', 'attempts must be 0 or more'],
    ['[1, 2]', 'data.mesh', 'must be an object'],
  ])('%s: is named, and nothing changes', (mesh, field, message) => {
    const snapshot = withConfig(mesh.startsWith('[') ? mesh : `${mesh}\nh2UpgradePolicy: UPGRADE`);
    expect(snapshot.problems.get('ConfigMap istio-system/istio')).toMatchObject([{ code: 'INVALID_MESH_CONFIG', field, message }]);
    expect(snapshot.config).toEqual(snapshot.installed);
  });

  test('no YAML: what served before serves on, and the problem goes when it is mended', () => {
    const good = withConfig('connectTimeout: 3s');
    const bad = fold(good, configMap('connectTimeout: [')).snapshot;
    expect(bad.config.connectTimeoutMs).toBe(3000);
    expect(bad.problems.get('ConfigMap istio-system/istio')).toHaveLength(1);
    const mended = fold(bad, configMap('connectTimeout: 4s')).snapshot;
    expect(mended.config.connectTimeoutMs).toBe(4000);
    expect(mended.problems.size).toBe(0);
  });
});
