// A proxy that takes what it is sent and never says a word: it is sent no more than one answer of a type, however much changes, and the others are
// served as if it were not there.
import { expect, test } from 'vitest';
import { DeltaDiscoveryRequest, type DeltaDiscoveryResponse } from '#codec/protobuf/generated/envoy/service/discovery/v3/discovery';
import { Discovery } from '#control/discovery/discovery';
import { AdsConnection } from '#control/discovery/proxy-connection';
import { proxyStatuses } from '#control/discovery/proxy-status';
import { fold } from '#control/mesh/fold';
import { emptySnapshot } from '#control/mesh/snapshot';
import { impactOf } from '#control/push/impact';
import { ManualClock } from '#foundation/clock';
import { silentLogger } from '#foundation/logger';
import { DeltaSubscription } from '#xds/delta-subscription';
import { typeUrl } from '#xds/resource-type';
import { nodeOf, serviceYaml, setsOf } from './fixture.ts';

const changes = 200;
const types = [typeUrl.cluster, typeUrl.listener, typeUrl.route];
const rule = (seconds: number) => `
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: reviews}
spec: {hosts: [reviews], http: [{timeout: ${seconds}s, route: [{destination: {host: reviews}}]}]}
`;

function connect(discovery: Discovery, name: string, answers: boolean): DeltaDiscoveryResponse[] {
  const sent: DeltaDiscoveryResponse[] = [];
  const connection = new AdsConnection<DeltaDiscoveryRequest, DeltaDiscoveryResponse>({
    createSubscription: (type) => new DeltaSubscription(type),
    incremental: true,
    write: (response) => {
      sent.push(response);
      if (answers) queueMicrotask(() => ask({ typeUrl: response.typeUrl, responseNonce: response.nonce }));
    },
    source: discovery,
    observer: discovery,
  });
  const ask = (request: Partial<DeltaDiscoveryRequest>) => connection.receive(DeltaDiscoveryRequest.fromPartial(request));
  discovery.connect(connection);
  const node = nodeOf(`sidecar~10.0.0.1~${name}.default~default.svc.cluster.local`);
  for (const type of types) ask({ node, typeUrl: type, resourceNamesSubscribe: type === typeUrl.route ? ['9080'] : [] });
  return sent;
}

test('it holds up nobody, and nothing piles up for it', async () => {
  const discovery = new Discovery(new ManualClock(), silentLogger);
  let { snapshot } = fold(emptySnapshot(), setsOf([serviceYaml('reviews'), rule(1)].join('\n---\n')));
  discovery.setSnapshot(snapshot);
  discovery.setReady();
  const silent = connect(discovery, 'silent', false);
  const other = connect(discovery, 'other', true);
  await Promise.resolve();
  const first = silent.length;
  for (let change = 2; change < changes + 2; change++) {
    const next = fold(snapshot, setsOf(rule(change)));
    snapshot = next.snapshot;
    discovery.setSnapshot(snapshot);
    discovery.push(impactOf(next.changes, () => false));
    await new Promise((resolve) => setImmediate(resolve));
  }
  expect(first).toBe(types.length);
  expect(silent.length, 'what the silent one was sent').toBe(first);
  expect(other.filter(({ typeUrl: type }) => type === typeUrl.route)).toHaveLength(changes + 1);
  expect(proxyStatuses(discovery.connections).map(({ proxy, rds }) => `${proxy} ${rds}`)).toEqual([
    'other.default SYNCED',
    'silent.default STALE',
  ]);
});
