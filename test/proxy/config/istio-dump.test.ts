// What Istio's control plane sends to a sidecar, in the shape of Envoy's config dump: it is taken whole, and requests go where it says.
import { readFileSync } from 'node:fs';
import type { JsonObject } from '@bufbuild/protobuf';
import { afterEach, describe, expect, test } from 'vitest';
import { CanonicalJson } from '#codec/protobuf/canonical-json';
import { ClusterLoadAssignment } from '#codec/protobuf/generated/envoy/config/endpoint/v3/endpoint';
import { DeltaDiscoveryResponse } from '#codec/protobuf/generated/envoy/service/discovery/v3/discovery';
import { systemClock } from '#foundation/clock';
import { ConfigApplier } from '#proxy/config/config-applier';
import { DecodeCache } from '#proxy/config/decode-cache';
import type { ListenerConfig } from '#proxy/config/listener';
import { matchFilterChain } from '#proxy/listen/filter-chain-matcher';
import type { RouteTable } from '#proxy/route/route-table';
import { type TypeUrl, typeUrl } from '#xds/resource-type';
import { Client, closer, httpPeer, ok, TestProxy } from '../fixture.ts';

const open = closer();
afterEach(() => open.closeAll());

const json = new CanonicalJson(readFileSync(new URL('../../../src/codec/protobuf/generated/descriptors.binpb', import.meta.url)));

interface Dump {
  configs: [
    { dynamic_active_clusters: { cluster: Named }[] },
    { dynamic_listeners: { active_state: { listener: Named } }[] },
    { dynamic_route_configs: { route_config: Named }[] },
  ];
}

type Named = JsonObject & { name: string };

const ratings = 'outbound|9080|v1|ratings.default.svc.cluster.local';

function responseOf(type: TypeUrl, resources: readonly Named[]): DeltaDiscoveryResponse {
  return DeltaDiscoveryResponse.fromPartial({
    typeUrl: type,
    resources: resources.map((resource) => ({
      name: resource.name,
      version: '7',
      resource: { typeUrl: type, value: Buffer.from(json.parse(type, resource)) },
    })),
  });
}

/** The dump put into a proxy: what was said against it, and the listeners that came of it. */
async function applied(ratingsPort: number) {
  const dump = JSON.parse(readFileSync(new URL('../../golden/istio-sidecar-dump.json', import.meta.url), 'utf8')) as Dump;
  const [{ dynamic_active_clusters }, { dynamic_listeners }, { dynamic_route_configs }] = dump.configs;
  const routeTables = new Map<string, RouteTable>();
  const proxy = open.add(new TestProxy({ routeTables }));
  const listeners = new Map<string, ListenerConfig>();
  const { clusters, secrets } = proxy.runtime;
  const applier = new ConfigApplier(
    {
      setCluster: (config) => clusters.set(config),
      removeCluster: (name) => clusters.remove(name),
      setEndpoints: (name, endpoints) => clusters.setEndpoints(name, endpoints),
      setRouteTable: (table) => void routeTables.set(table.name, table),
      removeRouteTable: (name) => void routeTables.delete(name),
      setSecret: (name, secret) => secrets.set(name, secret),
      removeSecret: (name) => secrets.remove(name),
      setNames: undefined,
      applyListeners: (configs) => {
        for (const config of configs) listeners.set(config.name, config);
        return Promise.resolve([]);
      },
      subscribe: () => {},
    },
    systemClock,
    new DecodeCache(),
  );
  open.add({ close: () => applier.close() });
  const findings = [
    ...(await applier.apply(
      responseOf(
        typeUrl.cluster,
        dynamic_active_clusters.map(({ cluster }) => cluster),
      ),
    )),
  ];
  const address = {
    $case: 'socketAddress',
    value: { address: '127.0.0.1', portSpecifier: { $case: 'portValue', value: ratingsPort } },
  } as const;
  const endpoints = ClusterLoadAssignment.fromPartial({
    clusterName: ratings,
    endpoints: [{ loadBalancingWeight: 1, lbEndpoints: [{ hostIdentifier: { $case: 'endpoint', value: { address: { address } } } }] }],
  });
  const value = Buffer.from(ClusterLoadAssignment.encode(endpoints).finish());
  const resource = { name: ratings, version: '1', resource: { typeUrl: typeUrl.endpoint, value } };
  findings.push(...(await applier.apply(DeltaDiscoveryResponse.fromPartial({ typeUrl: typeUrl.endpoint, resources: [resource] }))));
  // The agent has certificates; what of them is not this test's.
  findings.push(
    ...(await applier.apply(DeltaDiscoveryResponse.fromPartial({ typeUrl: typeUrl.secret, removedResources: ['default', 'ROOTCA'] }))),
  );
  findings.push(
    ...(await applier.apply(
      responseOf(
        typeUrl.listener,
        dynamic_listeners.map(({ active_state }) => active_state.listener),
      ),
    )),
  );
  findings.push(
    ...(await applier.apply(
      responseOf(
        typeUrl.route,
        dynamic_route_configs.map(({ route_config }) => route_config),
      ),
    )),
  );
  return { proxy, listeners, findings };
}

test('nothing of it is refused', async () => {
  const { findings, listeners } = await applied(1);
  expect(findings).toEqual([]);
  expect([...listeners.keys()].sort()).toEqual(['0.0.0.0_9080', 'virtualInbound', 'virtualOutbound']);
});

test('requests are routed, changed and broken as it says', async () => {
  const upstream = open.add(await httpPeer(ok('stars')));
  const { proxy, listeners } = await applied(upstream.port);
  // As if the connection had been redirected here.
  const bound = { ...listeners.get('0.0.0.0_9080')!, bindToPort: true, addresses: [{ address: '127.0.0.1', port: 0 }] };
  const client = open.add(await Client.connect(await proxy.listen(bound)));
  expect(await client.write('GET /ratings/1 HTTP/1.1\r\nhost: ratings:9080\r\n\r\n').until('stars')).toContain('x-routed-by: istio\r\n');
  expect(upstream.requests[0]).toMatch(/^GET \/ratings\/1 HTTP\/1.1\r\n[\s\S]*x-envoy-attempt-count: 1\r\n/);
  client.text = '';
  await client.write('GET /ratings/1 HTTP/1.1\r\nhost: ratings.default:9080\r\nx-break: 1\r\n\r\n').until('418');
  client.text = '';
  await client.write('GET /elsewhere HTTP/1.1\r\nhost: ratings\r\n\r\n').until('404');
});

describe('connections find their filter chains', () => {
  const traits = { destinationAddress: '10.0.0.9', sourceAddress: '10.0.0.1' };
  const hello = (applicationProtocols: string[]) => ({ tls: { serverName: 'x', applicationProtocols } });
  test.each([
    {
      listener: 'virtualInbound',
      what: 'mTLS to a declared port',
      seen: { destinationPort: 9080, ...hello(['istio']) },
      chain: '0.0.0.0_9080',
    },
    { listener: 'virtualInbound', what: 'plain to any port', seen: { destinationPort: 3306 }, chain: 'virtualInbound' },
    { listener: 'virtualInbound', what: 'its own port', seen: { destinationPort: 15006 }, chain: 'virtualInbound-blackhole' },
    { listener: 'virtualInbound', what: 'TLS to another port', seen: { destinationPort: 1, ...hello([]) }, chain: undefined },
    { listener: 'virtualOutbound', what: 'anything', seen: { destinationPort: 443 }, chain: 'virtualOutbound-catchall-tcp' },
    { listener: '0.0.0.0_9080', what: 'no HTTP', seen: { destinationPort: 9080, plainProtocol: 'other' }, chain: 'PassthroughFilterChain' },
  ])('$listener: $what', async ({ listener, seen, chain }) => {
    const { listeners } = await applied(1);
    expect(matchFilterChain(listeners.get(listener)!, { ...traits, ...seen })?.name).toBe(chain);
  });
});
