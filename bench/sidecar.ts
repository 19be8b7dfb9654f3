// What a Sidecar resource saves: bytes that one proxy is sent, and heap that it holds, in a mesh of 1,000 services of which its workload calls ten.
// Each proxy decodes for itself, as in a process of its own. `npm run bench:sidecar [-- --services N] [-- --proxies N] [-- --json FILE]`.
import { writeFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import Table from 'cli-table3';
import type { ApiObject } from '#api/kind';
import type { Pod } from '#api/kinds/pod';
import { ControlPlane } from '#control/control-plane';
import { proxiesBehind } from '#control/discovery/distribution';
import { proxyStatuses } from '#control/discovery/proxy-status';
import type { SourceHandlers } from '#control/sources/event';
import { systemClock } from '#foundation/clock';
import { silentLogger } from '#foundation/logger';
import { systemRandom } from '#foundation/random';
import { LoopbackNetworks } from '#host/capture/loopback-networks';
import { proxyBootstrapOf } from '#host/proxy-bootstrap';
import { DecodeCache } from '#proxy/config/decode-cache';
import { ProxyInstance } from '#proxy/proxy-instance';
import { generatedMesh, object } from './generated-mesh.ts';

const { values } = parseArgs({
  options: { services: { type: 'string', default: '1000' }, proxies: { type: 'string', default: '5' }, json: { type: 'string' } },
});
const [services, proxies] = [Number(values.services), Number(values.proxies)];
const calledServices = 10;
const quietMs = 500;

const sidecar = object('networking.istio.io/v1', 'Sidecar', 'default', {
  spec: { egress: [{ hosts: Array.from({ length: calledServices }, (_, i) => `./service-${i}.default.svc.cluster.local`) }] },
});

const podOf = (i: number) =>
  ({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: `client-${i}`, namespace: 'default', labels: { app: 'client' } },
    spec: { containers: [{ name: 'app' }] },
  }) as unknown as Pod;

interface Reading {
  kbSent: number;
  kbHeap: number;
}

function heapKb(): number {
  globalThis.gc?.();
  return process.memoryUsage().heapUsed / 1024;
}

/** Of one proxy, on average of all. */
async function read(objects: readonly ApiObject[]): Promise<Reading> {
  const networks = await LoopbackNetworks.claim();
  let handlers: SourceHandlers | undefined;
  const address = { host: '127.0.0.1', port: 0 };
  const source = { start: (given: SourceHandlers) => void (handlers = given), stop: () => {} };
  const controlPlane = new ControlPlane({ source, clock: systemClock, logger: silentLogger, xdsAddress: address, debugAddress: address });
  const { xds } = await controlPlane.start();
  const running: ProxyInstance[] = [];
  try {
    const { discovery } = controlPlane;
    handlers?.events(objects.map((each) => ({ type: 'set', object: each })));
    handlers?.synced();
    const connect = async (i: number) => {
      const network = networks.attach(podOf(i));
      const bootstrap = proxyBootstrapOf(podOf(i), network, {
        xds: { address: xds.host, port: xds.port },
        published: [],
        standardOutput: '/dev/null',
      });
      const proxy = new ProxyInstance(
        { ...bootstrap, admin: { address: network.addresses.pod, port: 0 } },
        {
          clock: systemClock,
          random: systemRandom,
          logger: silentLogger,
          version: 'bench',
          decodings: new DecodeCache(),
          identityToken: () => Promise.reject(new Error('no certificates in this bench')),
          canonicalJson: () => Promise.reject(new Error('no dumps in this bench')),
        },
      );
      running.push(proxy);
      await proxy.start();
      while (discovery.connections.size <= i || proxiesBehind(proxyStatuses(discovery.connections)).length > 0) await sleep(20);
      await sleep(quietMs);
    };
    // The first one makes what all share: the control plane's caches.
    await connect(0);
    const before = heapKb();
    for (let i = 1; i <= proxies; i++) await connect(i);
    const kbHeap = (heapKb() - before) / proxies;
    const [connection] = discovery.connections;
    let bytes = 0;
    for (const [type, { interest }] of connection?.subscriptions ?? [])
      for (const { body } of discovery.resources(connection!.proxy!, type, interest).values()) bytes += body.value.length;
    return { kbSent: bytes / 1024, kbHeap };
  } finally {
    for (const proxy of running) await proxy.close();
    await controlPlane.stop();
    await networks.close();
  }
}

const mesh = generatedMesh(services);
const readings = { 'without a Sidecar': await read(mesh), [`with one, of ${calledServices} services`]: await read([...mesh, sidecar]) };
const table = new Table({
  head: [`${services} services, one proxy`, 'KB sent', 'KB of heap, with its connection'],
  style: { head: [], border: [] },
});
for (const [name, { kbSent, kbHeap }] of Object.entries(readings)) table.push([name, kbSent.toFixed(0), kbHeap.toFixed(0)]);
process.stdout.write(`${table.toString()}\n`);
if (values.json) writeFileSync(values.json, `${JSON.stringify({ services, proxies, readings }, null, 2)}\n`);
process.exit(0);
