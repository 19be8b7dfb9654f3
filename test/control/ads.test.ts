import { credentials } from '@grpc/grpc-js';
import { afterEach, expect, test } from 'vitest';
import { Cluster } from '#codec/protobuf/generated/envoy/config/cluster/v3/cluster';
import { RouteConfiguration } from '#codec/protobuf/generated/envoy/config/route/v3/route';
import { AggregatedDiscoveryServiceClient } from '#codec/protobuf/generated/envoy/service/discovery/v3/ads';
import {
  DeltaDiscoveryRequest,
  type DeltaDiscoveryResponse,
  DiscoveryRequest,
  type DiscoveryResponse,
} from '#codec/protobuf/generated/envoy/service/discovery/v3/discovery';
import { ControlPlane } from '#control/control-plane';
import { systemClock } from '#foundation/clock';
import { silentLogger } from '#foundation/logger';
import { typeUrl } from '#xds/resource-type';
import { ManualSource, nodeOf, serviceYaml } from './fixture.ts';

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

const node = nodeOf('sidecar~10.0.0.9~client-1.default~default.svc.cluster.local', { ISTIO_VERSION: '1.28.0' });
const loopback = { host: '127.0.0.1', port: 0 };

async function startControlPlane(yaml: string, port = 0) {
  const source = new ManualSource(yaml);
  const control = new ControlPlane({
    source,
    clock: systemClock,
    logger: silentLogger,
    xdsAddress: { ...loopback, port },
    debugAddress: loopback,
  });
  const { xds, debug } = await control.start();
  cleanups.push(() => control.stop());
  const client = new AggregatedDiscoveryServiceClient(`127.0.0.1:${xds.port}`, credentials.createInsecure());
  cleanups.push(() => client.close());
  return { source, control, client, debugUrl: `http://127.0.0.1:${debug.port}` };
}

/** Turns the events of a stream into promises, in order. */
class Inbox<T> {
  private readonly messages: T[] = [];
  private waiting: ((message: T) => void) | undefined;

  constructor(stream: { on(event: 'data', listener: (message: T) => void): unknown; on(event: 'error', listener: () => void): unknown }) {
    stream.on('data', (message: T) => {
      const take = this.waiting;
      this.waiting = undefined;
      if (take) take(message);
      else this.messages.push(message);
    });
    stream.on('error', () => {});
  }

  next(): Promise<T> {
    const message = this.messages.shift();
    return message ? Promise.resolve(message) : new Promise((resolve) => (this.waiting = resolve));
  }
}

function openSotw(client: AggregatedDiscoveryServiceClient) {
  const stream = client.streamAggregatedResources();
  cleanups.push(() => stream.cancel());
  const inbox = new Inbox<DiscoveryResponse>(stream);
  const ask = (type: string, resourceNames: string[] = []) =>
    stream.write(DiscoveryRequest.fromPartial({ node, typeUrl: type, resourceNames }));
  const reply = (response: DiscoveryResponse, resourceNames: string[] = [], error?: string) =>
    stream.write(
      DiscoveryRequest.fromPartial({
        typeUrl: response.typeUrl,
        versionInfo: response.versionInfo,
        responseNonce: response.nonce,
        resourceNames,
        ...(error && { errorDetail: { code: 3, message: error } }),
      }),
    );
  return { stream, inbox, ask, reply };
}

function openDelta(client: AggregatedDiscoveryServiceClient) {
  const stream = client.deltaAggregatedResources();
  cleanups.push(() => stream.cancel());
  const inbox = new Inbox<DeltaDiscoveryResponse>(stream);
  const send = (request: Parameters<typeof DeltaDiscoveryRequest.fromPartial>[0]) =>
    stream.write(DeltaDiscoveryRequest.fromPartial({ node, ...request }));
  const ack = (response: DeltaDiscoveryResponse) => send({ typeUrl: response.typeUrl, responseNonce: response.nonce });
  return { stream, inbox, send, ack };
}

const clusterNames = (response: DiscoveryResponse) => response.resources.map((any) => Cluster.decode(any.value).name);

const reviews = serviceYaml('reviews', { pods: { '10.0.0.1': 'v1', '10.0.0.2': 'v2' } });
const virtualService = (subset: string, weight = 100) => `
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: reviews}
spec:
  hosts: [reviews]
  http: [{route: [{destination: {host: reviews, subset: ${subset}}, weight: ${weight}}]}]
`;
const destinationRule = (...subsets: string[]) => `
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: reviews}
spec: {host: reviews, subsets: [${subsets.map((name) => `{name: ${name}, labels: {version: ${name}}}`).join(', ')}]}
`;

test('a state-of-the-world stream gets clusters, endpoints and routes, and a change of route alone when a rule is applied', async () => {
  const { source, client } = await startControlPlane(`${reviews}\n---\n${destinationRule('v1', 'v2')}`);
  const { inbox, ask, reply } = openSotw(client);
  ask(typeUrl.cluster);
  const clusters = await inbox.next();
  expect(clusterNames(clusters)).toEqual([
    'outbound|9080||reviews.default.svc.cluster.local',
    'outbound|9080|v1|reviews.default.svc.cluster.local',
    'outbound|9080|v2|reviews.default.svc.cluster.local',
    'BlackHoleCluster',
    'PassthroughCluster',
    'InboundPassthroughCluster',
  ]);
  reply(clusters);
  ask(typeUrl.route, ['9080']);
  const routes = await inbox.next();
  reply(routes, ['9080']);
  source.apply(virtualService('v2'));
  const changed = await inbox.next();
  expect(changed.typeUrl).toBe(typeUrl.route);
  const [host] = RouteConfiguration.decode(changed.resources[0]!.value).virtualHosts;
  expect(host!.routes[0]!.action).toMatchObject({
    $case: 'route',
    value: { clusterSpecifier: { value: 'outbound|9080|v2|reviews.default.svc.cluster.local' } },
  });
});
