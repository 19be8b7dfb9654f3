// Node ports: ports of the machine's 127.0.0.1 that lead to the pods behind a Service, as kube-proxy's do on a node. Follows what
// cluster-services.ts tells; who comes is led to the pods as any from outside of the mesh.
import { createServer, type Server } from 'node:net';
import { Backoff } from '#foundation/backoff';
import type { Clock, Timer } from '#foundation/clock';
import type { Logger } from '#foundation/logger';
import { messageOf } from '#foundation/mesh-error';
import type { Random } from '#foundation/random';
import type { NetworkAddress } from '#net/network';
import { listenFailure } from '#net/port-owner';
import { ConnectionRelay, type WayOut } from './capture/connection-relay.ts';
import { DatagramRelay } from './capture/datagram-relay.ts';
import type { ServiceRoute, ServiceRoutes } from './capture/service-table.ts';

export interface NodePortsOptions {
  /** To the machine, where this process is not on its network. */
  way: Pick<WayOut, 'publish' | 'bind'>;
  clock: Clock;
  random: Random;
  logger: Logger;
  /** A port could not be had, and is tried again. `service`: `namespace/name`. Told once, until it is had. */
  failed(service: string, message: string): void;
}

interface WantedPort {
  service: string;
  port: number;
  route: ServiceRoute;
}

const loopback = '127.0.0.1';

export class NodePorts {
  /** By protocol and port: `tcp/30080`. What is wanted, what is open (by what closes it), and the rest. */
  private readonly wanted = new Map<string, WantedPort>();
  private readonly open = new Map<string, () => void>();
  private readonly refused = new Set<string>();
  private readonly relay = new ConnectionRelay();
  private readonly backoff: Backoff;
  private retry: Timer | undefined;
  private closed = false;
  /** Settles when what was asked for so far is done. */
  private done: Promise<void> = Promise.resolve();

  constructor(private readonly options: NodePortsOptions) {
    this.backoff = new Backoff({ random: options.random, delayMsMin: 250, delayMsMax: 5_000 });
  }

  /** Returns at once. A port that cannot be had (another program's, another mesh's) is tried again until it is had or wanted no more. */
  set(changes: ServiceRoutes): void {
    for (const [service, routes] of changes) {
      for (const [key, { service: owner }] of this.wanted) if (owner === service) this.wanted.delete(key);
      for (const route of routes) {
        const { protocol, nodePort: port } = route;
        if (port !== undefined) this.wanted.set(`${protocol}/${port}`, { service, port, route });
      }
    }
    this.bring();
  }

  close(): void {
    this.closed = true;
    this.retry?.cancel();
    for (const close of this.open.values()) close();
    this.open.clear();
  }

  private bring(): void {
    this.done = this.done.then(() => this.bringNow());
  }

  private async bringNow(): Promise<void> {
    for (const [key, close] of this.open) {
      if (this.wanted.has(key)) continue;
      close();
      this.open.delete(key);
    }
    for (const key of this.refused) if (!this.wanted.has(key)) this.refused.delete(key);
    for (const key of [...this.wanted.keys()]) if (!this.open.has(key)) await this.openOne(key);
    this.retry?.cancel();
    if (this.refused.size === 0) this.backoff.reset();
    else if (!this.closed) this.retry = this.options.clock.after(this.backoff.next(), () => this.bring(), { unref: true });
  }

  private async openOne(key: string): Promise<void> {
    const wanted = this.wanted.get(key);
    if (!wanted || this.closed) return;
    const { service, port, route } = wanted;
    try {
      const close = await (route.protocol === 'udp' ? this.bind(key, port) : this.listen(key, port));
      this.refused.delete(key);
      if (this.closed) close();
      else this.open.set(key, close);
    } catch (thrown) {
      if (this.refused.has(key)) return;
      this.refused.add(key);
      const why = messageOf(thrown);
      this.options.logger.warn({ service, port, error: why }, 'a node port cannot be had');
      this.options.failed(service, `node port ${port} cannot be opened, and is tried again: ${why}`);
    }
  }

  /** Resolves to what closes it. */
  private async listen(key: string, port: number): Promise<() => void> {
    const server = createServer({ pauseOnConnect: true }, (from) => {
      const to = this.pick(key);
      if (to) this.relay.lead(from, to);
      else from.resetAndDestroy();
    });
    await listening(server, port);
    // Who is connected stays so, as a changed Service leaves connections alone.
    const close = () => void server.close();
    const unpublish = await this.options.way.publish(port).catch((thrown) => {
      close();
      throw thrown;
    });
    return () => {
      unpublish();
      close();
    };
  }

  /** Resolves to what closes it. */
  private async bind(key: string, port: number): Promise<() => void> {
    const { way, clock } = this.options;
    const endpoints = () => this.wanted.get(key)?.route.endpoints ?? [];
    const relay = new DatagramRelay(await way.bind(port), { clock, endpoints, pick: () => this.pick(key) });
    return () => relay.close();
  }

  private pick(key: string): NetworkAddress | undefined {
    const { endpoints = [], sticky } = this.wanted.get(key)?.route ?? {};
    // All who come are the machine.
    return endpoints[sticky ? 0 : Math.floor(this.options.random.next() * endpoints.length)];
  }
}

function listening(server: Server, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', (cause) => listenFailure('lateen up', { host: loopback, port }, cause).then(reject, reject));
    server.listen({ host: loopback, port }, () => {
      server.unref();
      resolve();
    });
  });
}
