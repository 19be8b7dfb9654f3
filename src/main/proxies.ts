// The process that runs the proxies of many pods, told which by its parent over the message channel. Ends with its parent.

import { sharedCanonicalJson } from '#codec/protobuf/canonical-json';
import { systemClock } from '#foundation/clock';
import { createLogger, type LogLevel } from '#foundation/logger';
import { messageOf } from '#foundation/mesh-error';
import { systemRandom } from '#foundation/random';
import type { FleetCommand, FleetReport } from '#host/proxy-fleet';
import { NamespaceNetwork } from '#net/namespace-network';
import { loadSystemCalls, type SystemCalls } from '#net/system-calls';
import type { ProxyBootstrap } from '#proxy/bootstrap';
import { DecodeCache } from '#proxy/config/decode-cache';
import { ProxyInstance } from '#proxy/proxy-instance';
import { readDescriptors, version } from './package.ts';

const logger = createLogger({ level: (process.env['LATEEN_LOG_LEVEL'] as LogLevel | undefined) ?? 'info' });
const canonicalJson = sharedCanonicalJson(readDescriptors);
const wanted = new Set<string>();
const proxies = new Map<string, { proxy: ProxyInstance; network: NamespaceNetwork | undefined }>();
let systemCalls: Promise<SystemCalls> | undefined;
const decodings = new DecodeCache();
/** Who waits for a token, by proxy. */
const tokensWanted = new Map<string, ((token: string) => void)[]>();

function report(message: FleetReport): void {
  if (process.connected) process.send?.(message, () => {});
}

/** Asked of the parent, who knows which pod the proxy is of. */
function identityToken(id: string): Promise<string> {
  return new Promise((resolve) => {
    const waiting = tokensWanted.get(id);
    if (waiting) waiting.push(resolve);
    else tokensWanted.set(id, [resolve]);
    report({ type: 'token wanted', id });
  });
}

function takeToken(id: string, token: string): void {
  const waiting = tokensWanted.get(id) ?? [];
  tokensWanted.delete(id);
  for (const resolve of waiting) resolve(token);
}

/** Its sockets are made in the pod's namespace, where it has one. */
async function networkOf({ namespace }: ProxyBootstrap): Promise<NamespaceNetwork | undefined> {
  if (namespace === undefined) return undefined;
  systemCalls ??= loadSystemCalls();
  return new NamespaceNetwork(await systemCalls, namespace.file, namespace.range);
}

async function add(id: string, bootstrap: ProxyBootstrap): Promise<void> {
  if (wanted.has(id)) return;
  wanted.add(id);
  try {
    const network = await networkOf(bootstrap);
    const proxy = new ProxyInstance(bootstrap, {
      clock: systemClock,
      random: systemRandom,
      logger,
      version,
      ...(network && { network }),
      decodings,
      canonicalJson,
      identityToken: () => identityToken(id),
    });
    if (!wanted.has(id)) return network?.close();
    proxies.set(id, { proxy, network });
    await proxy.start();
    report({ type: 'serving', id });
  } catch (thrown) {
    report({ type: 'failed', id, message: messageOf(thrown) });
  }
}

async function remove(id: string, drainMs: number): Promise<void> {
  const running = proxies.get(id);
  wanted.delete(id);
  proxies.delete(id);
  tokensWanted.delete(id);
  if (running !== undefined) {
    const { proxy, network } = running;
    await Promise.race([proxy.drain(), new Promise((resolve) => systemClock.after(drainMs, () => resolve(undefined)))]);
    await proxy.close();
    network?.close();
  }
  report({ type: 'removed', id });
}

async function end(): Promise<void> {
  await Promise.race([
    Promise.all([...proxies.values()].map(({ proxy }) => proxy.close())),
    new Promise((resolve) => systemClock.after(2_000, () => resolve(undefined))),
  ]);
  process.exit(0);
}

process.on('message', (command: FleetCommand) => {
  if (command.type === 'add') void add(command.id, command.bootstrap);
  else if (command.type === 'token') takeToken(command.id, command.token);
  else void remove(command.id, command.drainMs);
});
process.once('SIGTERM', () => void end());
// Ctrl-C reaches the whole group: the parent decides the order of the end.
process.on('SIGINT', () => {});
process.once('disconnect', () => void end());
process.on('unhandledRejection', (reason) => logger.error({ error: messageOf(reason) }, 'unhandled rejection'));
report({ type: 'up' });
