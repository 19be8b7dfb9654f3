// How long a change takes to reach many proxies: 1,000 services, 2,000 endpoints, 200 clients that speak real delta xDS over real gRPC, in two
// processes of their own. A change of one endpoint, and of one route; what the control plane's process holds meanwhile.
// `npm run bench:scale [-- --services N] [-- --clients N] [-- --changes N] [-- --json FILE]`.
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import type { ApiObject } from '#api/kind';
import { Cluster } from '#codec/protobuf/generated/envoy/config/cluster/v3/cluster';
import type { DeltaDiscoveryResponse } from '#codec/protobuf/generated/envoy/service/discovery/v3/discovery';
import { ControlPlane } from '#control/control-plane';
import type { SourceHandlers } from '#control/sources/event';
import { systemClock } from '#foundation/clock';
import { silentLogger } from '#foundation/logger';
import { systemRandom } from '#foundation/random';
import { AdsClient, wildcard } from '#proxy/config/ads-client';
import { formatNodeId } from '#xds/node-id';
import { type TypeUrl, typeUrl } from '#xds/resource-type';
import { generatedMesh, servicePort, slice, virtualService } from './generated-mesh.ts';

const { values } = parseArgs({
  options: {
    services: { type: 'string', default: '1000' },
    clients: { type: 'string', default: '200' },
    changes: { type: 'string', default: '30' },
    json: { type: 'string' },
    worker: { type: 'string' },
  },
});
const services = Number(values.services);
const listenerRoutes = String(servicePort);

/** To a worker: which clients to be. From it: all are there; or the type that a client has got news of. */
type Order = { target: string; first: number; count: number };
type News = { ready: true } | { type: TypeUrl };

// ---- clients

async function beClients({ target, first, count }: Order): Promise<void> {
  let waiting = count;
  for (let i = first; i < first + count; i++) {
    const id = formatNodeId({
      type: 'sidecar',
      ip: `10.9.${i >> 8}.${i & 255}`,
      id: `client-${i}.default`,
      dnsDomain: 'default.svc.cluster.local',
    });
    let settled = false;
    const got = new Set<string>();
    const client: AdsClient = new AdsClient({
      target,
      node: {
        id,
        cluster: 'bench',
        metadata: { NAMESPACE: 'default', LABELS: { app: 'client' }, ISTIO_VERSION: '1.28.0', VIRTUAL_HOST_DISCOVERY: 'true' },
        locality: { region: '', zone: '', subZone: '' },
      },
      clock: systemClock,
      random: systemRandom,
      logger: silentLogger,
      handler: {
        versions: () => ({}),
        apply: async (response: DeltaDiscoveryResponse) => {
          const type = response.typeUrl as TypeUrl;
          if (type === typeUrl.cluster && !got.has(type))
            client.subscribe(
              typeUrl.endpoint,
              new Set(
                response.resources.flatMap(({ resource }) =>
                  resource ? Cluster.decode(resource.value).edsClusterConfig?.serviceName || [] : [],
                ),
              ),
            );
          got.add(type);
          if (settled) process.send?.({ type } satisfies News);
          else if (got.size === 5) {
            settled = true;
            if (--waiting === 0) process.send?.({ ready: true } satisfies News);
          }
          return [];
        },
      },
    });
    for (const type of [typeUrl.cluster, typeUrl.listener]) client.subscribe(type, wildcard);
    client.subscribe(typeUrl.route, new Set([listenerRoutes]));
    client.subscribe(typeUrl.virtualHost, new Set([listenerRoutes]));
    client.start();
  }
}

// ---- the control plane, and what is measured

interface Figure {
  change: string;
  p50Ms: number;
  p99Ms: number;
  wantedMs: number;
}

async function measure(): Promise<void> {
  const [clients, changes] = [Number(values.clients), Number(values.changes)];
  let handlers: SourceHandlers | undefined;
  const controlPlane = new ControlPlane({
    source: { start: (given) => void (handlers = given), stop: () => {} },
    clock: systemClock,
    logger: silentLogger,
    xdsAddress: { host: '127.0.0.1', port: 0 },
    debugAddress: { host: '127.0.0.1', port: 0 },
  });
  const { xds } = await controlPlane.start();
  const set = (objects: readonly ApiObject[]) => handlers?.events(objects.map((each) => ({ type: 'set', object: each })));
  set(generatedMesh(services));
  handlers?.synced();
  let onNews: (type: TypeUrl) => void = () => {};
  const workers: ChildProcess[] = [];
  try {
    for (const half of [0, 1]) {
      const worker = fork(fileURLToPath(import.meta.url), ['--worker', '1']);
      workers.push(worker);
      worker.on('message', (news: News) => 'type' in news && onNews(news.type));
      worker.send({ target: `127.0.0.1:${xds.port}`, first: half * (clients / 2), count: clients / 2 } satisfies Order);
      await once(worker, 'message');
    }
    const reach = async (type: TypeUrl, change: () => void): Promise<number[]> => {
      const times: number[] = [];
      const started = performance.now();
      await new Promise<void>((resolve) => {
        onNews = (heard) => {
          if (heard === type && times.push(performance.now() - started) === clients) resolve();
        };
        change();
      });
      return times;
    };
    const figure = async (change: string, type: TypeUrl, make: (revision: number) => ApiObject, wantedMs: number): Promise<Figure> => {
      const times: number[] = [];
      for (let revision = 1; revision <= changes; revision++) times.push(...(await reach(type, () => set([make(revision)]))));
      times.sort((a, b) => a - b);
      return { change, p50Ms: times[times.length >> 1]!, p99Ms: times[Math.floor(times.length * 0.99)]!, wantedMs };
    };
    const figures = [
      await figure('an endpoint', typeUrl.endpoint, (revision) => slice(revision % services, revision), 100),
      await figure('a route', typeUrl.virtualHost, (revision) => virtualService(revision % services, revision), 300),
    ];
    const mb = Math.round(process.memoryUsage.rss() / 1024 / 1024);
    process.stdout.write(
      `${services} services, ${services * 2} endpoints, ${clients} clients; ${changes} changes of each kind, until every client has it\n`,
    );
    for (const { change, p50Ms, p99Ms, wantedMs } of figures)
      process.stdout.write(
        `${change.padEnd(12)} p50 ${p50Ms.toFixed(0).padStart(5)} ms   p99 ${p99Ms.toFixed(0).padStart(5)} ms   wanted ${wantedMs} ms: ${p99Ms < wantedMs ? 'met' : 'MISSED'}\n`,
      );
    process.stdout.write(`memory of the control plane's process: ${mb} MB   wanted 700 MB: ${mb < 700 ? 'met' : 'MISSED'}\n`);
    if (values.json) writeFileSync(values.json, `${JSON.stringify({ services, clients, changes, figures, mb }, null, 2)}\n`);
  } finally {
    for (const worker of workers) worker.kill();
    await controlPlane.stop();
  }
}

if (values.worker) process.once('message', (order: Order) => void beClients(order));
else await measure();
