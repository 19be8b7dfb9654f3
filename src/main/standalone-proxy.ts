// One proxy in this process, with no supervisor and no pod. Loaded when `lateen proxy` asks for it.
import type { JsonValue } from '@bufbuild/protobuf';
import { systemClock } from '#foundation/clock';
import { createLogger } from '#foundation/logger';
import { MeshError } from '#foundation/mesh-error';
import { systemRandom } from '#foundation/random';
import { DecodeCache } from '#proxy/config/decode-cache';
import { readEnvoyConfig } from '#proxy/config/envoy-config';
import { formatAddress, identityPlacement } from '#proxy/config/socket-address';
import { ProxyInstance } from '#proxy/proxy-instance';
import type { WorkerPool } from '#proxy/workers/worker-pool';
import { typeUrl } from '#xds/resource-type';
import { canonicalJson, version } from './package.ts';
import { redirectedNetwork } from './proxy-network.ts';
import { workerProcesses } from './worker-processes.ts';

export interface StandaloneOptions {
  /** Of the file: a bootstrap or a config dump. */
  document: JsonValue | undefined;
  adminPort?: number;
  serviceNode?: string;
  serviceCluster?: string;
  token?: () => Promise<string>;
  /** How many processes serve with its ports. */
  concurrency: number;
  /** Of worker processes. */
  env: Readonly<Record<string, string>>;
}

export interface StandaloneProxy {
  /** Its node's id. */
  proxy: string;
  admin: string;
  listening: readonly { name: string; at: string }[];
  /** What of the file has no effect. */
  notes: readonly string[];
  end(): Promise<void>;
}

/** Istio's `terminationDrainDuration`. */
const drainMs = 5_000;
const adminDefault = { address: '127.0.0.1', port: 15_000 };
const nobody = { id: 'lateen', cluster: 'lateen', metadata: {}, locality: { region: '', zone: '', subZone: '' } };

/** Resolves when the first listeners serve. Throws MeshError where the file cannot be used. */
export async function startStandalone(options: StandaloneOptions): Promise<StandaloneProxy> {
  const config = readEnvoyConfig(options.document ?? null, await canonicalJson());
  const { node = nobody, admin = adminDefault, xds, localCluster, resources, notes } = config;
  if (xds === undefined && !resources.some(({ typeUrl: type }) => type === typeUrl.listener)) {
    throw new MeshError(
      'ENVOY_CONFIG',
      'the configuration cannot be used: there is no listener in it, and no control plane that would send one',
    );
  }
  const { serviceNode: id = node.id, serviceCluster: cluster = node.cluster, adminPort = admin.port, token, concurrency } = options;
  const bootstrap = {
    node: { ...node, id, cluster },
    ...(xds && { xds }),
    admin: { ...admin, port: adminPort },
    placement: identityPlacement,
    ...(localCluster !== undefined && { localCluster }),
    concurrency,
    redirected: true,
  };
  const logger = createLogger({ level: 'info' });
  const workers = workerProcesses(options.env, logger);
  const proxy = new ProxyInstance(bootstrap, {
    clock: systemClock,
    random: systemRandom,
    logger,
    workers,
    version,
    network: await redirectedNetwork(),
    decodings: new DecodeCache(),
    initial: resources,
    canonicalJson,
    ...(token && { identityToken: token }),
    quit: () => process.kill(process.pid, 'SIGTERM'),
  });
  try {
    const bound = await proxy.start();
    const listening = proxy.listeners.boundAddresses().map(({ name, ...at }) => ({ name, at: formatAddress(at) }));
    return { proxy: id, admin: formatAddress(bound), listening, notes, end: () => end(proxy, workers) };
  } catch (thrown) {
    await proxy.close();
    workers.stop();
    throw thrown;
  }
}

async function end(proxy: ProxyInstance, workers: WorkerPool): Promise<void> {
  await Promise.race([proxy.drain({ idleMs: 0 }), new Promise<void>((resolve) => systemClock.after(drainMs, resolve, { unref: true }))]);
  await proxy.close();
  workers.stop();
}
