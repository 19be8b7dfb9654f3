// A worker process's end: a data plane for each proxy whose ports it shares, fed with what the first process has put into effect. It opens
// no listening socket of its own: it asks the first process for those that are open there.
import { DeltaDiscoveryResponse } from '#codec/protobuf/generated/envoy/service/discovery/v3/discovery';
import type { Logger } from '#foundation/logger';
import { MeshError } from '#foundation/mesh-error';
import type { ListeningHandle } from '#net/handed-sockets';
import type { Network } from '#net/network';
import type { ProxyBootstrap } from '#proxy/bootstrap';
import { DataPlane, type DataPlaneOptions } from '#proxy/data-plane';
import { RemoteJudge } from '#proxy/upstream/judging';
import type { WorkerCommand, WorkerReport } from './messages.ts';
import { WorkerRows } from './worker-rows.ts';

export interface ProxyWorkerOptions extends Omit<DataPlaneOptions, 'network' | 'sockets'> {
  /** Undefined: the process's own. */
  networkOf(bootstrap: ProxyBootstrap): Promise<(Network & { close?(): void }) | undefined>;
  send(report: WorkerReport): void;
}

interface Served {
  readonly plane: DataPlane;
  readonly judge: RemoteJudge;
  readonly logger: Logger;
  close(): Promise<void>;
}

export class ProxyWorker {
  private readonly served = new Map<string, Promise<Served>>();
  private readonly wanted = new Map<number, (socket: ListeningHandle | undefined) => void>();
  private readonly rows: WorkerRows;
  private last = 0;

  constructor(private readonly options: ProxyWorkerOptions) {
    this.rows = new WorkerRows(options);
  }

  /** `socket`: came with the command. */
  async receive(command: WorkerCommand, socket?: ListeningHandle): Promise<void> {
    switch (command.type) {
      case 'add':
        this.served.set(command.id, this.serve(command.id, command.bootstrap));
        return;
      case 'socket':
        this.wanted.get(command.serial)?.(socket);
        this.wanted.delete(command.serial);
        return;
      case 'row':
        return this.rows.receive(command.id, command.key, command.found);
      case 'verdicts': {
        const served = await this.served.get(command.id);
        served?.judge.receive(command.cluster, command.verdicts);
        served?.plane.runtime.clusters.get(command.cluster)?.judged();
        return;
      }
      case 'log level': {
        const served = await this.served.get(command.id);
        if (served) served.logger.level = command.level;
        return;
      }
      default:
        this.options.send({ type: 'answer', serial: command.serial, value: await this.answer(command) });
    }
  }

  private async answer(command: Exclude<WorkerCommand, { type: 'add' | 'socket' | 'row' | 'verdicts' | 'log level' }>): Promise<unknown> {
    const serving = this.served.get(command.id);
    if (command.type === 'remove') this.served.delete(command.id);
    const served = await serving;
    switch (command.type) {
      case 'apply':
        return served?.plane.applier.apply(DeltaDiscoveryResponse.decode(Buffer.from(command.response, 'base64')));
      case 'stats':
        return served?.plane.stats();
      case 'drain':
        return served?.plane.drain(command.drain);
      case 'dismiss':
        return served?.plane.dismissCallers(command.graceMs);
      case 'remove':
        return served?.close();
    }
  }

  private async serve(id: string, bootstrap: ProxyBootstrap): Promise<Served> {
    const logger = this.options.logger.child({ proxy: bootstrap.node.id });
    const network = await this.options.networkOf(bootstrap);
    const judge = new RemoteJudge(this.options.clock, (cluster, outcomes) =>
      this.options.send({ type: 'outcomes', id, cluster, outcomes }),
    );
    const sharing = this.rows.sharingOf(id, bootstrap.concurrency ?? 1);
    const sockets = { take: (address: string) => this.ask(id, address) };
    // What is asked for, and the names of the pod, are the first process's business.
    const plane = new DataPlane(
      bootstrap,
      { ...this.options, ...(network && { network }), logger, sockets, sharing, judging: { kind: 'elsewhere', judge } },
      { subscribe: () => {}, setNames: undefined },
    );
    const close = async () => {
      judge.close();
      await plane.close();
      network?.close?.();
    };
    return { plane, judge, logger, close };
  }

  /** Rejects where the first process does not listen there. */
  private ask(id: string, address: string): Promise<ListeningHandle> {
    const serial = ++this.last;
    return new Promise((resolve, reject) => {
      this.wanted.set(serial, (socket) => {
        if (socket) resolve(socket);
        else reject(new MeshError('WORKER_SOCKET', 'the first process of this proxy does not listen there'));
      });
      this.options.send({ type: 'socket wanted', serial, id, address });
    });
  }
}
