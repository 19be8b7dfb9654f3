// The process that runs the proxies of many pods, told which by its parent over the message channel. Ends with its parent.

import type { SendHandle } from 'node:child_process';
import type { NameTable } from '#codec/protobuf/generated/istio/nds';
import { DnsServer } from '#dns/dns-server';
import { Forwarder } from '#dns/forwarder';
import { Names } from '#dns/names';
import { ReplyCache } from '#dns/reply-cache';
import { Resolver } from '#dns/resolver';
import { systemForwarder } from '#dns/system-forwarder';
import { Backoff } from '#foundation/backoff';
import { systemClock } from '#foundation/clock';
import { createLogger, type LogLevel } from '#foundation/logger';
import { messageOf } from '#foundation/mesh-error';
import { systemRandom } from '#foundation/random';
import type { FleetCommand, FleetReport } from '#host/proxy-fleet';
import { HandedSockets, type ListeningHandle } from '#net/handed-sockets';
import { type Network, ownNetwork } from '#net/network';
import type { ProxyBootstrap } from '#proxy/bootstrap';
import { DecodeCache } from '#proxy/config/decode-cache';
import { ProxyInstance } from '#proxy/proxy-instance';
import { parseNodeId } from '#xds/node-id';
import { canonicalJson, version } from './package.ts';
import { proxyNetworks } from './proxy-network.ts';
import { workerProcesses } from './worker-processes.ts';

const logger = createLogger({ level: (process.env['LATEEN_LOG_LEVEL'] as LogLevel | undefined) ?? 'info' });
/** Istio's `terminationDrainDuration`. */
const terminationDrainMs = 5_000;
const closeMsMax = 2_000;
/** A proxy that cannot start, as while another Lateen still ends at its addresses, is tried again after so long. */
const retryMs = { delayMsMin: 250, delayMsMax: 5_000 };
const wanted = new Map<string, ProxyBootstrap>();
const proxies = new Map<string, { proxy: ProxyInstance; closeNames(): void; close(): void }>();
const forwarder = systemForwarder({ clock: systemClock, random: systemRandom });
const cache = new ReplyCache(systemClock);
const networkOf = proxyNetworks();
const inherited = Object.fromEntries(Object.entries(process.env).filter((entry): entry is [string, string] => entry[1] !== undefined));
const workers = workerProcesses(inherited, logger);
const decodings = new DecodeCache();
/** Listening sockets of the process that this one replaces, by proxy. */
const handed = new Map<string, HandedSockets>();
/** Who waits for a token, by proxy. */
const tokensWanted = new Map<string, ((token: string) => void)[]>();

function report(message: FleetReport, socket?: ListeningHandle): void {
  if (process.connected) process.send?.(message, socket as SendHandle | undefined, undefined, () => {});
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

/** The names of the mesh are answered in the pod where it asks for that; what they are comes with the proxy's configuration. */
function namesOf({ names, node }: ProxyBootstrap, network: Network) {
  const id = parseNodeId(node.id);
  if (names === undefined || id === undefined) return undefined;
  const own = { clock: systemClock, random: systemRandom };
  const cluster = names.cluster && new Forwarder({ ...own, servers: [names.cluster] });
  const resolver = new Resolver({ ...own, forwarder, cluster, cache });
  const namespace = String(node.metadata['NAMESPACE']);
  const { dnsDomain } = id;
  return {
    server: new DnsServer({ resolver, network }),
    setNames: (table: NameTable) => resolver.setNames(new Names(table, { namespace, dnsDomain })),
  };
}

async function add(id: string, bootstrap: ProxyBootstrap): Promise<void> {
  if (wanted.has(id)) return;
  wanted.set(id, bootstrap);
  const backoff = new Backoff({ random: systemRandom, ...retryMs });
  while (wanted.get(id) === bootstrap && !(await isStarted(id, bootstrap))) {
    await new Promise<void>((resolve) => systemClock.after(backoff.next(), resolve));
  }
}

/** Or will not be wanted any more; what became of it is reported. */
async function isStarted(id: string, bootstrap: ProxyBootstrap): Promise<boolean> {
  try {
    const network = await networkOf(bootstrap);
    const dns = namesOf(bootstrap, network ?? ownNetwork);
    const sockets = handed.get(id);
    const proxy = new ProxyInstance(bootstrap, {
      clock: systemClock,
      random: systemRandom,
      logger,
      version,
      ...(network && { network }),
      ...(dns && { setNames: dns.setNames }),
      decodings,
      ...(sockets && { handed: sockets }),
      canonicalJson,
      workers,
      quit: () => void restart(id, bootstrap),
      identityToken: () => identityToken(id),
    });
    handed.delete(id);
    let namesOpen = true;
    const closeNames = (): void => {
      if (namesOpen) dns?.server.close();
      namesOpen = false;
    };
    const close = (): void => {
      closeNames();
      network?.close();
    };
    if (wanted.get(id) !== bootstrap) {
      close();
      return true;
    }
    proxies.set(id, { proxy, closeNames, close });
    if (bootstrap.names) await dns?.server.listen(bootstrap.names);
    await proxy.start();
    report({ type: 'serving', id });
    return true;
  } catch (thrown) {
    if (wanted.get(id) === bootstrap) await closeRunning(id);
    report({ type: 'failed', id, message: messageOf(thrown) });
    return false;
  }
}

async function closeRunning(id: string): Promise<void> {
  const running = proxies.get(id);
  proxies.delete(id);
  await running?.proxy.close();
  running?.close();
}

/** Another process takes over: it gets what listens, and the addresses that only one can have. */
async function handOver(): Promise<void> {
  for (const [id, { proxy, closeNames }] of proxies) {
    closeNames();
    for (const [address, handle] of await proxy.handOver()) report({ type: 'socket', id, address }, handle);
  }
  report({ type: 'handed over' });
}

function takeSocket(id: string, address: string, socket: ListeningHandle): void {
  let sockets = handed.get(id);
  if (sockets === undefined) handed.set(id, (sockets = new HandedSockets()));
  sockets.add(address, socket);
}

/** Its pod is to end: what its programs have to do until then, they do by it. */
async function dismiss(id: string, graceMs: number, withinMs: number): Promise<void> {
  await within(withinMs, async () => proxies.get(id)?.proxy.dismissCallers(graceMs));
  report({ type: 'dismissed', id });
}

async function remove(id: string, drainMs: number): Promise<void> {
  const running = proxies.get(id);
  wanted.delete(id);
  proxies.delete(id);
  tokensWanted.delete(id);
  if (running !== undefined) {
    const { proxy, close } = running;
    await within(drainMs, () => proxy.drain());
    await proxy.close();
    close();
  }
  report({ type: 'removed', id });
}

/** What its container's end is in a cluster: it is started again. */
async function restart(id: string, bootstrap: ProxyBootstrap): Promise<void> {
  if (!proxies.has(id)) return;
  wanted.delete(id);
  await closeRunning(id);
  await add(id, bootstrap);
}

/** What is under way finishes, within `drainMs`; then the process ends. */
async function end(drainMs: number): Promise<void> {
  await within(drainMs, () => Promise.all([...proxies.values()].map(({ proxy }) => proxy.drain({ idleMs: 0 }))));
  await within(closeMsMax, () => Promise.all([...proxies.values()].map(({ proxy }) => proxy.close())));
  workers.stop();
  process.exit(0);
}

async function within(limitMs: number, work: () => Promise<unknown>): Promise<void> {
  await Promise.race([work(), new Promise<void>((resolve) => systemClock.after(limitMs, resolve))]);
}

process.on('message', (command: FleetCommand, socket: unknown) => {
  switch (command.type) {
    case 'add':
      return void add(command.id, command.bootstrap);
    case 'dismiss':
      return void dismiss(command.id, command.graceMs, command.withinMs);
    case 'remove':
      return void remove(command.id, command.drainMs);
    case 'token':
      return takeToken(command.id, command.token);
    case 'hand over':
      return void handOver();
    case 'socket':
      return takeSocket(command.id, command.address, socket as ListeningHandle);
  }
});
process.once('SIGTERM', () => void end(terminationDrainMs));
// Ctrl-C reaches the whole group: the parent decides the order of the end.
process.on('SIGINT', () => {});
process.once('disconnect', () => void end(0));
process.on('unhandledRejection', (reason) => logger.error({ error: messageOf(reason) }, 'unhandled rejection'));
report({ type: 'up' });
