// Node ports: ports of the machine's 127.0.0.1 that lead to the pods behind a Service, as kube-proxy's do on a node. Follows what
// cluster-services.ts tells; connections go to the pods as they are, like any from outside of the mesh.
import { createServer, type Server, type Socket } from 'node:net';
import type { Logger } from '#foundation/logger';
import { messageOf } from '#foundation/mesh-error';
import type { Random } from '#foundation/random';
import { listenFailure } from '#net/port-owner';
import { ConnectionRelay, type WayOut } from './capture/connection-relay.ts';
import type { ServiceRoute, ServiceRoutes } from './capture/service-table.ts';

export interface NodePortsOptions {
  /** To the machine, where this process is not on its network. */
  way: Pick<WayOut, 'publish'>;
  random: Random;
  logger: Logger;
  /** A port could not be had. `service`: `namespace/name`. */
  failed(service: string, message: string): void;
}

interface OpenPort {
  service: string;
  route: ServiceRoute;
  close(): void;
}

const loopback = '127.0.0.1';

export class NodePorts {
  private readonly open = new Map<number, OpenPort>();
  /** Of each Service, what cannot be done. */
  private readonly said = new Map<string, Set<string>>();
  private readonly relay = new ConnectionRelay();
  /** Settles when what was asked for so far is done. */
  private done: Promise<void> = Promise.resolve();

  constructor(private readonly options: NodePortsOptions) {}

  /** Returns at once; a port that cannot be had is tried again when its Service changes. */
  set(changes: ServiceRoutes): void {
    for (const [service, routes] of changes) this.done = this.done.then(() => this.bring(service, routes));
  }

  close(): void {
    for (const { close } of this.open.values()) close();
    this.open.clear();
  }

  private async bring(service: string, routes: readonly ServiceRoute[]): Promise<void> {
    const wanted = new Map(routes.flatMap((route) => (route.nodePort ? [[route.nodePort, route] as const] : [])));
    for (const [port, { service: owner, close }] of this.open) {
      if (owner !== service || wanted.has(port)) continue;
      close();
      this.open.delete(port);
    }
    if (routes.length === 0) this.said.delete(service);
    for (const [port, route] of wanted) await this.openOne(service, port, route);
  }

  private async openOne(service: string, port: number, route: ServiceRoute): Promise<void> {
    const known = this.open.get(port);
    if (route.protocol === 'udp') this.sayOnce(service, `node port ${port} is not opened: those of UDP lead nowhere on this machine`);
    else if (known) known.route = route;
    else {
      try {
        this.open.set(port, { service, route, close: await this.listen(port) });
      } catch (thrown) {
        this.options.logger.warn({ service, port, error: messageOf(thrown) }, 'a node port cannot be had');
        this.options.failed(service, `node port ${port} cannot be opened: ${messageOf(thrown)}`);
      }
    }
  }

  private sayOnce(service: string, message: string): void {
    const said = this.said.get(service) ?? new Set();
    if (said.has(message)) return;
    this.said.set(service, said.add(message));
    this.options.failed(service, message);
  }

  /** Resolves to what closes it. */
  private async listen(port: number): Promise<() => void> {
    const server = createServer({ pauseOnConnect: true }, (from) => this.lead(from, port));
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

  private lead(from: Socket, port: number): void {
    const { endpoints = [], sticky } = this.open.get(port)?.route ?? {};
    // All who come are the machine.
    const picked = endpoints[sticky ? 0 : Math.floor(this.options.random.next() * endpoints.length)];
    if (picked) this.relay.lead(from, picked);
    else from.resetAndDestroy();
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
