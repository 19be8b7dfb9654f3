// The process that runs the proxies of many pods, told which by its parent over the message channel. Ends with its parent.

import { getServers } from 'node:dns';
import { sharedCanonicalJson } from '#codec/protobuf/canonical-json';
import type { NameTable } from '#codec/protobuf/generated/istio/nds';
import { DnsServer } from '#dns/dns-server';
import { Forwarder } from '#dns/forwarder';
import { Names } from '#dns/names';
import { ReplyCache } from '#dns/reply-cache';
import { Resolver } from '#dns/resolver';
import { systemClock } from '#foundation/clock';
import { createLogger, type LogLevel } from '#foundation/logger';
import { messageOf } from '#foundation/mesh-error';
import { systemRandom } from '#foundation/random';
import type { FleetCommand, FleetReport } from '#host/proxy-fleet';
import { NamespaceNetwork } from '#net/namespace-network';
import { type Network, ownNetwork } from '#net/network';
import { loadSystemCalls, type SystemCalls } from '#net/system-calls';
import type { ProxyBootstrap } from '#proxy/bootstrap';
import { DecodeCache } from '#proxy/config/decode-cache';
import { ProxyInstance } from '#proxy/proxy-instance';
import { parseNodeId } from '#xds/node-id';
import { readDescriptors, version } from './package.ts';

const logger = createLogger({ level: (process.env['LATEEN_LOG_LEVEL'] as LogLevel | undefined) ?? 'info' });
const canonicalJson = sharedCanonicalJson(readDescriptors);
/** Istio's `terminationDrainDuration`. */
const terminationDrainMs = 5_000;
const closeMsMax = 2_000;
const wanted = new Set<string>();
const proxies = new Map<string, { proxy: ProxyInstance; close(): void }>();
const forwarder = new Forwarder({ servers: getServers().map(parseServer), clock: systemClock, random: systemRandom });
const cache = new ReplyCache(systemClock);
let systemCalls: Promise<SystemCalls> | undefined;
const decodings = new DecodeCache();
/** Who waits for a token, by proxy. */
const tokensWanted = new Map<string, ((token: string) => void)[]>();

/** As Node writes a server of resolv.conf: `10.0.0.53`, `::1`, `[::1]:5353`. */
function parseServer(text: string): { address: string; port: number } {
  const [, six, four, port = '53'] = /^(?:\[(.+)\]|([\d.]+))(?::(\d+))?$/.exec(text) ?? [];
  return { address: six ?? four ?? text, port: Number(port) };
}

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

/** The names of the mesh are answered in the pod where it asks for that; what they are comes with the proxy's configuration. */
function namesOf({ names, node }: ProxyBootstrap, network: Network) {
  const id = parseNodeId(node.id);
  if (names === undefined || id === undefined) return undefined;
  const resolver = new Resolver({ clock: systemClock, random: systemRandom, forwarder, cache });
  const namespace = String(node.metadata['NAMESPACE']);
  const { dnsDomain } = id;
  return {
    server: new DnsServer({ resolver, network }),
    setNames: (table: NameTable) => resolver.setNames(new Names(table, { namespace, dnsDomain })),
  };
}

async function add(id: string, bootstrap: ProxyBootstrap): Promise<void> {
  if (wanted.has(id)) return;
  wanted.add(id);
  try {
    const network = await networkOf(bootstrap);
    const dns = namesOf(bootstrap, network ?? ownNetwork);
    const proxy = new ProxyInstance(bootstrap, {
      clock: systemClock,
      random: systemRandom,
      logger,
      version,
      ...(network && { network }),
      ...(dns && { setNames: dns.setNames }),
      decodings,
      canonicalJson,
      quit: () => void restart(id, bootstrap),
      identityToken: () => identityToken(id),
    });
    const close = (): void => {
      dns?.server.close();
      network?.close();
    };
    if (!wanted.has(id)) return close();
    proxies.set(id, { proxy, close });
    if (bootstrap.names) await dns?.server.listen(bootstrap.names);
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
    const { proxy, close } = running;
    await within(drainMs, () => proxy.drain());
    await proxy.close();
    close();
  }
  report({ type: 'removed', id });
}

/** What its container's end is in a cluster: it is started again. */
async function restart(id: string, bootstrap: ProxyBootstrap): Promise<void> {
  const running = proxies.get(id);
  if (running === undefined) return;
  wanted.delete(id);
  proxies.delete(id);
  await running.proxy.close();
  running.close();
  await add(id, bootstrap);
}

/** Connections that are open finish what they have, within `drainMs`; then the process ends. */
async function end(drainMs: number): Promise<void> {
  await within(drainMs, () => Promise.all([...proxies.values()].map(({ proxy }) => proxy.drain())));
  await within(closeMsMax, () => Promise.all([...proxies.values()].map(({ proxy }) => proxy.close())));
  process.exit(0);
}

async function within(limitMs: number, work: () => Promise<unknown>): Promise<void> {
  await Promise.race([work(), new Promise<void>((resolve) => systemClock.after(limitMs, resolve))]);
}

process.on('message', (command: FleetCommand) => {
  if (command.type === 'add') void add(command.id, command.bootstrap);
  else if (command.type === 'token') takeToken(command.id, command.token);
  else void remove(command.id, command.drainMs);
});
process.once('SIGTERM', () => void end(terminationDrainMs));
// Ctrl-C reaches the whole group: the parent decides the order of the end.
process.on('SIGINT', () => {});
process.once('disconnect', () => void end(0));
process.on('unhandledRejection', (reason) => logger.error({ error: messageOf(reason) }, 'unhandled rejection'));
report({ type: 'up' });
