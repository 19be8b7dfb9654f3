import { describe, expect, test } from 'vitest';
import { Cluster, Cluster_DiscoveryType } from '#codec/protobuf/generated/envoy/config/cluster/v3/cluster';
import { ClusterLoadAssignment } from '#codec/protobuf/generated/envoy/config/endpoint/v3/endpoint';
import { Listener } from '#codec/protobuf/generated/envoy/config/listener/v3/listener';
import { RouteConfiguration } from '#codec/protobuf/generated/envoy/config/route/v3/route';
import { VirtualHost } from '#codec/protobuf/generated/envoy/config/route/v3/route_components';
import { Router } from '#codec/protobuf/generated/envoy/extensions/filters/http/router/v3/router';
import { HttpConnectionManager } from '#codec/protobuf/generated/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager';
import { UpstreamTlsContext } from '#codec/protobuf/generated/envoy/extensions/transport_sockets/tls/v3/tls';
import { DeltaDiscoveryResponse } from '#codec/protobuf/generated/envoy/service/discovery/v3/discovery';
import { ManualClock } from '#foundation/clock';
import type { Problem } from '#foundation/problem';
import { ConfigApplier, type ConfigTarget } from '#proxy/config/config-applier';
import { DecodeCache } from '#proxy/config/decode-cache';
import type { RouteTable } from '#proxy/route/route-table';
import { type TypeUrl, typeUrl } from '#xds/resource-type';

/** Writes down what it is told, in words. */
class Recorder implements ConfigTarget {
  readonly log: string[] = [];
  problems: Problem[] = [];
  setCluster = ({ name }: { name: string }) => void this.log.push(`cluster ${name}`);
  removeCluster = (name: string) => void this.log.push(`-cluster ${name}`);
  setEndpoints = (name: string, endpoints: readonly unknown[]) => void this.log.push(`endpoints ${name} ${endpoints.length}`);
  setRouteTable = ({ name, version, virtualHosts }: RouteTable) => {
    const hosts = virtualHosts.flatMap(({ domains }) => domains).join(' ');
    this.log.push(`routes ${name} ${version}${hosts && `: ${hosts}`}`);
  };
  setSecret = (name: string, { kind }: { kind: string }) => void this.log.push(`secret ${name} ${kind}`);
  setNames = undefined;
  removeSecret = (name: string) => void this.log.push(`-secret ${name}`);
  removeRouteTable = (name: string) => void this.log.push(`-routes ${name}`);
  private readonly subscribed = new Set<TypeUrl>();
  subscribe = (type: TypeUrl, names: ReadonlySet<string>) => {
    if (names.size === 0 && !this.subscribed.has(type)) return;
    this.subscribed.add(type);
    this.log.push(`subscribe ${type.slice(type.lastIndexOf('.') + 1)} ${[...names]}`);
  };
  applyListeners = (listeners: readonly { name: string }[]) => {
    this.log.push(`listeners ${listeners.map(({ name }) => name)}`);
    return Promise.resolve(this.problems);
  };
  taken(): string[] {
    return this.log.splice(0);
  }
}

type Bytes = { name: string; bytes: Uint8Array };

const cluster = (name: string): Bytes => ({
  name,
  bytes: Cluster.encode(Cluster.fromPartial({ name, clusterDiscoveryType: { $case: 'type', value: Cluster_DiscoveryType.EDS } })).finish(),
});
const tlsWith = (secret: string) => ({
  typeUrl: 'type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext',
  value: Buffer.from(
    UpstreamTlsContext.encode(
      UpstreamTlsContext.fromPartial({
        sni: 'a',
        commonTlsContext: {
          tlsCertificateSdsSecretConfigs: [{ name: secret, sdsConfig: { configSourceSpecifier: { $case: 'ads', value: {} } } }],
        },
      }),
    ).finish(),
  ),
});
const securedCluster = (name: string, secret: string): Bytes => ({
  name,
  bytes: Cluster.encode(
    Cluster.fromPartial({
      name,
      transportSocket: { name: 'envoy.transport_sockets.tls', configType: { $case: 'typedConfig', value: tlsWith(secret) } },
    }),
  ).finish(),
});
const tlsCluster = (name: string): Bytes => ({
  name,
  bytes: Cluster.encode(Cluster.fromPartial({ name, transportSocket: { name: 'envoy.transport_sockets.tls' } })).finish(),
});
const endpoints = (name: string): Bytes => ({
  name,
  bytes: ClusterLoadAssignment.encode(
    ClusterLoadAssignment.fromPartial({
      clusterName: name,
      endpoints: [
        {
          lbEndpoints: [
            {
              hostIdentifier: {
                $case: 'endpoint',
                value: {
                  address: {
                    address: { $case: 'socketAddress', value: { address: '127.0.0.1', portSpecifier: { $case: 'portValue', value: 80 } } },
                  },
                },
              },
            },
          ],
        },
      ],
    }),
  ).finish(),
});
const listener = (name: string, routes: string): Bytes => ({
  name,
  bytes: Listener.encode(
    Listener.fromPartial({
      name,
      address: { address: { $case: 'socketAddress', value: { address: '127.0.0.1', portSpecifier: { $case: 'portValue', value: 0 } } } },
      filterChains: [
        {
          filters: [
            {
              name: 'hcm',
              configType: {
                $case: 'typedConfig',
                value: {
                  typeUrl: 'type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager',
                  value: Buffer.from(
                    HttpConnectionManager.encode(
                      HttpConnectionManager.fromPartial({
                        statPrefix: 's',
                        routeSpecifier: { $case: 'rds', value: { routeConfigName: routes } },
                        httpFilters: [
                          {
                            name: 'router',
                            configType: {
                              $case: 'typedConfig',
                              value: {
                                typeUrl: 'type.googleapis.com/envoy.extensions.filters.http.router.v3.Router',
                                value: Buffer.from(Router.encode(Router.fromPartial({})).finish()),
                              },
                            },
                          },
                        ],
                      }),
                    ).finish(),
                  ),
                },
              },
            },
          ],
        },
      ],
    }),
  ).finish(),
});
const routes = (name: string): Bytes => ({ name, bytes: RouteConfiguration.encode(RouteConfiguration.fromPartial({ name })).finish() });

const discovered = (name: string): Bytes => ({
  name,
  bytes: RouteConfiguration.encode(
    RouteConfiguration.fromPartial({ name, vhds: { configSource: { configSourceSpecifier: { $case: 'ads', value: {} } } } }),
  ).finish(),
});
const virtualHost = (name: string, ...domains: string[]): Bytes => ({
  name,
  bytes: VirtualHost.encode(VirtualHost.fromPartial({ name, domains })).finish(),
});

function response(type: TypeUrl, list: Bytes[], removedResources: string[] = [], version = '1'): DeltaDiscoveryResponse {
  return DeltaDiscoveryResponse.fromPartial({
    typeUrl: type,
    nonce: 'n',
    removedResources,
    resources: list.map(({ name, bytes }) => ({ name, version, resource: { typeUrl: type, value: Buffer.from(bytes) } })),
  });
}

function setUp() {
  const target = new Recorder();
  const clock = new ManualClock();
  const applier = new ConfigApplier(target, clock, new DecodeCache());
  return { target, clock, applier };
}

const settled = () => new Promise((resolve) => setImmediate(resolve));

describe('virtual hosts that come by themselves', () => {
  const begun = async () => {
    const { target, applier } = setUp();
    await applier.apply(response(typeUrl.listener, [listener('l', 'r')]));
    await applier.apply(response(typeUrl.route, [discovered('r')]));
    return { target, applier };
  };

  test('are asked for, and a listener waits for them', async () => {
    const { target, applier } = await begun();
    expect(target.taken()).toEqual(['subscribe RouteConfiguration r', 'subscribe VirtualHost r']);
    await applier.apply(response(typeUrl.virtualHost, [virtualHost('r/a', 'a'), virtualHost('r/b', 'b')]));
    expect(target.taken()).toEqual(['routes r 1: a b', 'listeners l']);
  });

  test('change, come and go one by one; the rest stays', async () => {
    const { target, applier } = await begun();
    await applier.apply(response(typeUrl.virtualHost, [virtualHost('r/a', 'a'), virtualHost('r/b', 'b')]));
    target.taken();
    await applier.apply(response(typeUrl.virtualHost, [virtualHost('r/b', 'b2'), virtualHost('r/c', 'c')], ['r/a'], '2'));
    expect(target.taken()).toEqual(['routes r 1: b2 c']);
    expect(applier.versions(typeUrl.virtualHost)).toEqual({ 'r/b': '2', 'r/c': '2' });
  });

  test('a bad one is refused by name, and its last good version stays', async () => {
    const { target, applier } = await begun();
    await applier.apply(response(typeUrl.virtualHost, [virtualHost('r/a', 'a')]));
    target.taken();
    expect(await applier.apply(response(typeUrl.virtualHost, [virtualHost('r/a'), virtualHost('r/b', 'b')], [], '2'))).toEqual([
      'r/a: virtual_host.domains: is empty',
    ]);
    expect(target.taken()).toEqual(['routes r 1: a b']);
  });

  test('routes that have none serve without', async () => {
    const { target, applier } = await begun();
    target.taken();
    await applier.apply(response(typeUrl.virtualHost, [], ['r']));
    expect(target.taken()).toEqual(['routes r 1', 'listeners l']);
  });

  test('routes that come whole again take their place', async () => {
    const { target, applier } = await begun();
    await applier.apply(response(typeUrl.virtualHost, [virtualHost('r/a', 'a')]));
    target.taken();
    await applier.apply(response(typeUrl.route, [routes('r')], [], '2'));
    expect(target.taken()).toEqual(['routes r 2', 'subscribe VirtualHost ']);
    await applier.apply(response(typeUrl.virtualHost, [], ['r/a']));
    expect(target.taken()).toEqual([]);
  });

  test('two proxies of a process that have the same have the same table', async () => {
    const decodings = new DecodeCache();
    const tables = await Promise.all(
      [1, 2].map(async () => {
        const given: unknown[] = [];
        const target = Object.assign(new Recorder(), { setRouteTable: (table: unknown) => void given.push(table) });
        const applier = new ConfigApplier(target, new ManualClock(), decodings);
        await applier.apply(response(typeUrl.route, [discovered('r')]));
        await applier.apply(response(typeUrl.virtualHost, [virtualHost('r/a', 'a'), virtualHost('r/b', 'b')]));
        return given[0];
      }),
    );
    expect(tables[0]).toBe(tables[1]);
  });
});

describe('make before break', () => {
  test('routes wait until a new cluster has its endpoints', async () => {
    const { target, applier } = setUp();
    await applier.apply(response(typeUrl.cluster, [cluster('a')]));
    const acked = applier.apply(response(typeUrl.route, [routes('80')]));
    await settled();
    expect(target.taken()).toEqual(['cluster a', 'subscribe ClusterLoadAssignment a']);
    await applier.apply(response(typeUrl.endpoint, [endpoints('a')]));
    expect(await acked).toEqual([]);
    expect(target.taken()).toEqual(['endpoints a 1', 'routes 80 1']);
  });

  test('but not for ever', async () => {
    const { target, clock, applier } = setUp();
    await applier.apply(response(typeUrl.cluster, [cluster('a')]));
    const acked = applier.apply(response(typeUrl.route, [routes('80')]));
    clock.advance(5_000);
    await acked;
    expect(target.taken()).toContain('routes 80 1');
  });

  test.each<[string, (applier: ConfigApplier, clock: ManualClock) => unknown]>([
    ['has come', (applier) => applier.apply(response(typeUrl.secret, [], ['default']))],
    ['is not named any more', (applier) => applier.apply(response(typeUrl.cluster, [], ['a']))],
    ['was waited for long enough', (_, clock) => clock.advance(5_000)],
  ])('a listener waits until the secret of a cluster %s', async (_, settle) => {
    const { target, clock, applier } = setUp();
    await applier.apply(response(typeUrl.cluster, [securedCluster('a', 'default')]));
    await applier.apply(response(typeUrl.route, [routes('80')]));
    await applier.apply(response(typeUrl.listener, [listener('l', '80')]));
    await settled();
    expect(target.taken()).not.toContain('listeners l');
    await settle(applier, clock);
    await settled();
    expect(target.taken()).toContain('listeners l');
  });

  test('a listener waits for its routes, and its old version serves meanwhile', async () => {
    const { target, applier } = setUp();
    let serving = false;
    void applier.serving.then(() => {
      serving = true;
    });
    await applier.apply(response(typeUrl.listener, [listener('l', '80')]));
    await settled();
    expect(target.taken()).toEqual(['subscribe RouteConfiguration 80']);
    expect(serving).toBe(false);
    await applier.apply(response(typeUrl.route, [routes('80')]));
    await settled();
    expect(target.taken()).toEqual(['routes 80 1', 'listeners l']);
    expect(serving).toBe(true);
    await applier.apply(response(typeUrl.listener, [listener('l', '81')]));
    expect(target.taken()).toEqual(['subscribe RouteConfiguration 81']);
    await applier.apply(response(typeUrl.route, [routes('81')]));
    expect(target.taken()).toEqual(['routes 81 1', 'listeners l']);
  });

  test('a cluster that comes again gets the endpoints that are known', async () => {
    const { target, applier } = setUp();
    await applier.apply(response(typeUrl.cluster, [cluster('a')]));
    await applier.apply(response(typeUrl.endpoint, [endpoints('a')]));
    target.taken();
    await applier.apply(response(typeUrl.cluster, [cluster('a')], [], '2'));
    expect(target.taken()).toEqual(['cluster a', 'endpoints a 1', 'subscribe ClusterLoadAssignment a']);
  });
});

describe('refusal', () => {
  test('the good part of a response is applied, the last good version of the rest stays, the findings name both', async () => {
    const { target, applier } = setUp();
    await applier.apply(response(typeUrl.cluster, [cluster('a'), cluster('b')]));
    target.taken();
    const findings = await applier.apply(response(typeUrl.cluster, [tlsCluster('a'), cluster('b')], [], '2'));
    expect(findings).toEqual(['a: transport_socket: envoy.transport_sockets.tls has no typed_config']);
    expect(target.taken()).toEqual(['cluster b', 'subscribe ClusterLoadAssignment a,b']);
    expect(applier.versions(typeUrl.cluster)).toEqual({ a: '1', b: '2' });
    expect(
      [...(applier.held.get(typeUrl.cluster)?.allRejected() ?? [])].map(({ name, decoding }) => `${name} ${decoding.version}`),
    ).toEqual(['a 2']);
  });

  test('bytes that do not parse are a finding, not an exception', async () => {
    const { applier } = setUp();
    const findings = await applier.apply(response(typeUrl.listener, [{ name: 'l', bytes: Buffer.from([0xff, 0xff, 0xff]) }]));
    expect(findings).toHaveLength(1);
    expect(findings[0]).toMatch(/^l: cannot be decoded/);
  });

  test('a listener that cannot be opened is refused with the reason', async () => {
    const { target, applier } = setUp();
    target.problems = [{ level: 'error', code: 'PORT_IN_USE', message: '127.0.0.1:80 is in use by nginx' }];
    await applier.apply(response(typeUrl.listener, [listener('l', '80')]));
    expect(await applier.apply(response(typeUrl.route, [routes('80')]))).toEqual(['127.0.0.1:80 is in use by nginx']);
  });

  test('a type that is not known', async () => {
    expect(await setUp().applier.apply(DeltaDiscoveryResponse.fromPartial({ typeUrl: 'x' }))).toEqual(['resource type x is not known']);
  });
});

test('what is removed is taken out, and no longer told on reconnecting', async () => {
  const { target, applier } = setUp();
  await applier.apply(response(typeUrl.cluster, [cluster('a'), cluster('b')]));
  await applier.apply(response(typeUrl.endpoint, [endpoints('a'), endpoints('b')]));
  target.taken();
  await applier.apply(response(typeUrl.cluster, [], ['a']));
  expect(target.taken()).toEqual(['-cluster a', 'subscribe ClusterLoadAssignment b']);
  expect(applier.versions(typeUrl.cluster)).toEqual({ b: '1' });
});
