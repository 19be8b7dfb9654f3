// Any order of edits, requests and responses: a client never holds a route to a cluster that it does not have, and ends
// up with exactly what the configuration says. Simulated: no sockets, a seeded schedule, Envoy's way of subscribing.
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Cluster } from '#codec/protobuf/generated/envoy/config/cluster/v3/cluster';
import { Listener } from '#codec/protobuf/generated/envoy/config/listener/v3/listener';
import { RouteConfiguration } from '#codec/protobuf/generated/envoy/config/route/v3/route';
import { HttpConnectionManager } from '#codec/protobuf/generated/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager';
import { DeltaDiscoveryRequest, type DeltaDiscoveryResponse } from '#codec/protobuf/generated/envoy/service/discovery/v3/discovery';
import { Discovery } from '#control/discovery/discovery';
import { AdsConnection } from '#control/discovery/proxy-connection';
import { fold } from '#control/mesh/fold';
import { emptySnapshot } from '#control/mesh/snapshot';
import { impactOf } from '#control/push/impact';
import { ManualClock } from '#foundation/clock';
import { silentLogger } from '#foundation/logger';
import { DeltaSubscription } from '#xds/delta-subscription';
import { type TypeUrl, typeUrl } from '#xds/resource-type';
import { nodeOf, serviceYaml, setsOf } from './fixture.ts';

const node = nodeOf('sidecar~10.0.0.9~client-1.default~default.svc.cluster.local');

/** Two services; each has subsets 0..n-1 and a rule that sends to one of them, applied together or in two steps. */
function editYaml(service: string, subsets: number, target: number): { rule: string; virtualService: string } {
  const list = Array.from({ length: subsets }, (_, i) => `{name: s${i}, labels: {version: s${i}}}`).join(', ');
  return {
    rule: `{apiVersion: networking.istio.io/v1, kind: DestinationRule, metadata: {name: ${service}}, spec: {host: ${service}, subsets: [${list}]}}`,
    virtualService: `{apiVersion: networking.istio.io/v1, kind: VirtualService, metadata: {name: ${service}}, spec: {hosts: [${service}], http: [{route: [{destination: {host: ${service}, subset: s${target}}}]}]}}`,
  };
}

/** Applies what it is sent as Envoy would, and asks for what that refers to. */
class ModelClient {
  readonly requests: DeltaDiscoveryRequest[] = [];
  readonly responses: DeltaDiscoveryResponse[] = [];
  readonly held = new Map<string, Map<string, string>>();
  readonly routes = new Map<string, RouteConfiguration>();
  private readonly asked = new Map<TypeUrl, Set<string>>();

  constructor() {
    this.ask(typeUrl.cluster, undefined);
    this.ask(typeUrl.listener, undefined);
  }

  applyNext(): void {
    const response = this.responses.shift();
    if (!response) return;
    const type = response.typeUrl as TypeUrl;
    const held = this.held.get(type) ?? new Map<string, string>();
    this.held.set(type, held);
    for (const { name, version, resource } of response.resources) {
      held.set(name, version);
      if (type === typeUrl.route) this.routes.set(name, RouteConfiguration.decode(resource!.value));
      if (type === typeUrl.cluster && Cluster.decode(resource!.value).edsClusterConfig) this.ask(typeUrl.endpoint, name);
      if (type === typeUrl.listener) for (const route of routeNames(Listener.decode(resource!.value))) this.ask(typeUrl.route, route);
    }
    for (const name of response.removedResources) {
      held.delete(name);
      if (type === typeUrl.cluster && this.asked.get(typeUrl.endpoint)?.delete(name)) {
        this.held.get(typeUrl.endpoint)?.delete(name);
        this.requests.push(DeltaDiscoveryRequest.fromPartial({ typeUrl: typeUrl.endpoint, resourceNamesUnsubscribe: [name] }));
      }
    }
    this.requests.push(DeltaDiscoveryRequest.fromPartial({ typeUrl: type, responseNonce: response.nonce }));
    this.check();
  }

  /** Every route leads to a cluster that is there. */
  private check(): void {
    const clusters = this.held.get(typeUrl.cluster);
    for (const { virtualHosts } of this.routes.values()) {
      for (const { routes } of virtualHosts) {
        for (const { action } of routes) {
          const to = action?.$case === 'route' ? action.value.clusterSpecifier : undefined;
          if (to?.$case === 'cluster' && !clusters?.has(to.value)) throw new Error(`a route leads to ${to.value}, which is not there`);
        }
      }
    }
  }

  private ask(type: TypeUrl, name: string | undefined): void {
    const asked = this.asked.get(type) ?? new Set();
    this.asked.set(type, asked);
    if (name !== undefined && asked.has(name)) return;
    if (name !== undefined) asked.add(name);
    this.requests.push(
      DeltaDiscoveryRequest.fromPartial({ node, typeUrl: type, resourceNamesSubscribe: name === undefined ? [] : [name] }),
    );
  }
}

function routeNames(listener: Listener): string[] {
  const filters = listener.filterChains.flatMap((chain) => chain.filters);
  return filters.flatMap(({ name, configType }) => {
    if (!name.endsWith('http_connection_manager') || configType?.$case !== 'typedConfig') return [];
    const { routeSpecifier } = HttpConnectionManager.decode(configType.value.value);
    return routeSpecifier?.$case === 'rds' ? [routeSpecifier.value.routeConfigName] : [];
  });
}

const step = fc.oneof(
  { weight: 4, arbitrary: fc.constant({ kind: 'request' as const }) },
  { weight: 4, arbitrary: fc.constant({ kind: 'response' as const }) },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant('edit' as const),
      service: fc.constantFrom('a', 'b'),
      subsets: fc.integer({ min: 1, max: 3 }),
      target: fc.nat(2),
      // Growing: rule first. Shrinking: VirtualService first. Together: either way.
      together: fc.boolean(),
    }),
  },
);

test('no route ever leads to a cluster that the client does not have, and in the end it has what it should', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 150, size: 'max' }), (steps) => {
      const discovery = new Discovery(new ManualClock(), silentLogger);
      let snapshot = fold(emptySnapshot(), setsOf(`${serviceYaml('a')}\n---\n${serviceYaml('b')}`)).snapshot;
      discovery.setSnapshot(snapshot);
      discovery.setReady();
      const client = new ModelClient();
      const connection = new AdsConnection<DeltaDiscoveryRequest, DeltaDiscoveryResponse>({
        createSubscription: (type) => new DeltaSubscription(type),
        incremental: true,
        write: (response) => void client.responses.push(response),
        source: discovery,
        observer: discovery,
      });
      discovery.connect(connection);
      const deliver = () => {
        const request = client.requests.shift();
        if (request) connection.receive(request);
      };
      const apply = (yaml: string) => {
        const { snapshot: next, changes } = fold(snapshot, setsOf(yaml));
        snapshot = next;
        discovery.setSnapshot(next);
        discovery.push(impactOf(changes, () => false));
      };
      const current: Record<string, number> = {};
      for (const taken of steps) {
        if (taken.kind === 'request') deliver();
        else if (taken.kind === 'response') client.applyNext();
        else {
          const { rule, virtualService } = editYaml(taken.service, taken.subsets, taken.target % taken.subsets);
          const grows = taken.subsets >= (current[taken.service] ?? 0);
          current[taken.service] = taken.subsets;
          const order = grows ? [rule, virtualService] : [virtualService, rule];
          if (taken.together) apply(order.join('\n---\n'));
          else for (const yaml of order) apply(yaml);
        }
      }
      while (client.requests.length > 0 || client.responses.length > 0) {
        deliver();
        client.applyNext();
      }
      for (const type of [typeUrl.cluster, typeUrl.listener, typeUrl.route, typeUrl.endpoint]) {
        const subscription = connection.subscriptions.get(type);
        if (!subscription || !connection.proxy) continue;
        const expected = discovery.resources(connection.proxy, type, subscription.interest);
        const versions = [...expected.values()].map(({ name, version }) => [name, version]).sort();
        expect([...(client.held.get(type) ?? [])].sort(), type).toEqual(versions);
        expect(subscription.delivery.status).toBe('SYNCED');
      }
    }),
    { seed: 20_260, numRuns: 60 },
  );
});
