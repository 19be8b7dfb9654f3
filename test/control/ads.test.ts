import { once } from 'node:events';
import net from 'node:net';
import { credentials } from '@grpc/grpc-js';
import { afterEach, expect, test } from 'vitest';
import { Cluster } from '#codec/protobuf/generated/envoy/config/cluster/v3/cluster';
import { ClusterLoadAssignment } from '#codec/protobuf/generated/envoy/config/endpoint/v3/endpoint';
import { RouteConfiguration } from '#codec/protobuf/generated/envoy/config/route/v3/route';
import { AggregatedDiscoveryServiceClient } from '#codec/protobuf/generated/envoy/service/discovery/v3/ads';
import {
  DeltaDiscoveryRequest,
  type DeltaDiscoveryResponse,
  DiscoveryRequest,
  type DiscoveryResponse,
} from '#codec/protobuf/generated/envoy/service/discovery/v3/discovery';
import { ControlPlane } from '#control/control-plane';
import type { SourceHandlers } from '#control/sources/event';
import { systemClock } from '#foundation/clock';
import { silentLogger } from '#foundation/logger';
import { typeUrl } from '#xds/resource-type';
import { ManualSource, nodeOf, serviceYaml, setsOf } from './fixture.ts';

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
  const hosts = RouteConfiguration.decode(changed.resources[0]!.value).virtualHosts;
  const host = hosts.find(({ name }) => name.startsWith('reviews'));
  expect(host!.routes[0]!.action).toMatchObject({
    $case: 'route',
    value: { clusterSpecifier: { value: 'outbound|9080|v2|reviews.default.svc.cluster.local' } },
  });
});

test('a delta stream is sent the one resource that changed, and a reconnecting client only what it lacks', async () => {
  const { source, client } = await startControlPlane(`${reviews}\n---\n${destinationRule('v1', 'v2')}`);
  const first = openDelta(client);
  first.send({ typeUrl: typeUrl.cluster });
  const clusters = await first.inbox.next();
  expect(clusters.resources).toHaveLength(6);
  first.ack(clusters);
  source.apply(destinationRule('v1', 'v2', 'v3'));
  const added = await first.inbox.next();
  // The rule's new subset is one cluster; the others are made anew from the changed rule, and come out the same.
  expect(added.resources.map(({ name }) => name)).toEqual(['outbound|9080|v3|reviews.default.svc.cluster.local']);
  first.ack(added);
  first.stream.end();

  const versions = Object.fromEntries([...clusters.resources, ...added.resources].map(({ name, version }) => [name, version]));
  source.apply(serviceYaml('ratings'));
  const second = openDelta(client);
  second.send({ typeUrl: typeUrl.cluster, initialResourceVersions: { ...versions, 'outbound|1||gone.example': 'x' } });
  const missed = await second.inbox.next();
  expect(missed.resources.map(({ name }) => name)).toEqual(['outbound|9080||ratings.default.svc.cluster.local']);
  // What is gone goes in a message of its own, last: nothing may refer to it by then.
  expect(missed.removedResources).toEqual([]);
  second.ack(missed);
  expect((await second.inbox.next()).removedResources).toEqual(['outbound|1||gone.example']);
});

test('a subset that goes away: routes move first, its cluster is removed when they are acknowledged', async () => {
  const { source, client } = await startControlPlane(`${reviews}\n---\n${destinationRule('v1', 'v2')}\n---\n${virtualService('v2')}`);
  const { inbox, send, ack } = openDelta(client);
  send({ typeUrl: typeUrl.cluster });
  ack(await inbox.next());
  send({ typeUrl: typeUrl.route, resourceNamesSubscribe: ['9080'] });
  ack(await inbox.next());
  source.apply(`${virtualService('v1')}\n---\n${destinationRule('v1')}`);
  const routes = await inbox.next();
  expect(routes.typeUrl).toBe(typeUrl.route);
  ack(routes);
  const removal = await inbox.next();
  expect(removal.typeUrl).toBe(typeUrl.cluster);
  expect(removal.removedResources).toEqual(['outbound|9080|v2|reviews.default.svc.cluster.local']);
});

test('a new subset and a route to it: the cluster is acknowledged before the route is sent', async () => {
  const { source, client } = await startControlPlane(`${reviews}\n---\n${destinationRule('v1')}`);
  const { inbox, send, ack } = openDelta(client);
  send({ typeUrl: typeUrl.cluster });
  ack(await inbox.next());
  send({ typeUrl: typeUrl.route, resourceNamesSubscribe: ['9080'] });
  ack(await inbox.next());
  source.apply(`${virtualService('v2')}\n---\n${destinationRule('v1', 'v2')}`);
  const cluster = await inbox.next();
  expect(cluster.resources.map(({ name }) => name)).toEqual(['outbound|9080|v2|reviews.default.svc.cluster.local']);
  ack(cluster);
  expect((await inbox.next()).typeUrl).toBe(typeUrl.route);
});

test('a refusal is counted, shown with its reason, and does not stop later changes', async () => {
  const { source, client, debugUrl } = await startControlPlane(reviews);
  const { inbox, ask, reply } = openSotw(client);
  ask(typeUrl.cluster);
  reply(await inbox.next(), [], 'lb_policy: not today');
  source.apply(destinationRule('v1'));
  const next = await inbox.next();
  const status = await (await fetch(`${debugUrl}/debug/syncz`)).json();
  expect(status).toEqual([
    {
      proxy: 'client-1.default',
      type: 'sidecar',
      clusterId: 'Kubernetes',
      version: '1.28.0',
      cds: 'STALE',
      lds: 'NOT SENT',
      eds: 'NOT SENT',
      rds: 'NOT SENT',
      ecds: 'NOT SENT',
      controlPlane: 'lateen',
      errors: { [typeUrl.cluster]: 'lb_policy: not today' },
    },
  ]);
  expect(clusterNames(next)).toContain('outbound|9080|v1|reviews.default.svc.cluster.local');
  reply(next);
  await expect.poll(async () => ((await (await fetch(`${debugUrl}/debug/syncz`)).json()) as { cds: string }[])[0]?.cds).toBe('SYNCED');
  const metrics = await (await fetch(`${debugUrl}/metrics`)).text();
  expect(metrics).toContain('pilot_total_xds_rejects{type="cds"} 1');
  expect(metrics).toContain('pilot_xds 1\n');
});

test('endpoints that come and go are all that is sent of it', async () => {
  const { source, client } = await startControlPlane(reviews);
  const { inbox, send, ack } = openDelta(client);
  const name = 'outbound|9080||reviews.default.svc.cluster.local';
  send({ typeUrl: typeUrl.cluster });
  ack(await inbox.next());
  send({ typeUrl: typeUrl.endpoint, resourceNamesSubscribe: [name] });
  ack(await inbox.next());
  source.apply(serviceYaml('reviews', { pods: { '10.0.0.1': 'v1', '10.0.0.2': 'v2', '10.0.0.3': 'v3' } }));
  const endpoints = await inbox.next();
  expect(endpoints.typeUrl).toBe(typeUrl.endpoint);
  const assignment = ClusterLoadAssignment.decode(endpoints.resources[0]!.resource!.value);
  expect(assignment.endpoints[0]!.lbEndpoints).toHaveLength(3);
});

test('nothing is answered before the first list of objects is whole', async () => {
  let handlers: SourceHandlers | undefined;
  const source = { start: (given: SourceHandlers) => void (handlers = given), stop: () => {} };
  const control = new ControlPlane({ source, clock: systemClock, logger: silentLogger, xdsAddress: loopback, debugAddress: loopback });
  const { xds, debug } = await control.start();
  cleanups.push(() => control.stop());
  const client = new AggregatedDiscoveryServiceClient(`127.0.0.1:${xds.port}`, credentials.createInsecure());
  cleanups.push(() => client.close());
  const { inbox, ask } = openSotw(client);
  ask(typeUrl.cluster);
  await expect.poll(async () => ((await (await fetch(`http://127.0.0.1:${debug.port}/debug/syncz`)).json()) as unknown[]).length).toBe(1);
  expect((await fetch(`http://127.0.0.1:${debug.port}/ready`)).status).toBe(503);
  handlers?.events(setsOf(reviews));
  handlers?.synced();
  expect(clusterNames(await inbox.next())).toContain('outbound|9080||reviews.default.svc.cluster.local');
});

test('a stream from something that is no proxy ends with a reason', async () => {
  const { client } = await startControlPlane(reviews);
  const stream = client.streamAggregatedResources();
  const ended = new Promise<{ code: number; details: string }>((resolve) =>
    stream.on('error', (error) => resolve(error as unknown as { code: number; details: string })),
  );
  stream.on('data', () => {});
  stream.write(DiscoveryRequest.fromPartial({ node: { id: 'who knows' }, typeUrl: typeUrl.cluster }));
  expect(await ended).toMatchObject({ code: 3, details: expect.stringContaining('"who knows"') });
});

test('a port in use is named', async () => {
  const { control } = await startControlPlane(reviews);
  expect(control.discovery.ready).toBe(true);
  const blocker = net.createServer().listen(0, '127.0.0.1');
  cleanups.push(() => blocker.close());
  await once(blocker, 'listening');
  const { port } = blocker.address() as net.AddressInfo;
  await expect(startControlPlane(reviews, port)).rejects.toMatchObject({
    code: 'ADDRESS_IN_USE',
    message: expect.stringContaining(`127.0.0.1:${port}`),
  });
});
