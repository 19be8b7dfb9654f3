// Capture modes `netns` and `user`: each pod in a network namespace of its own, linked to the machine's bridge, its traffic redirected to
// its proxy. In mode `user` the machine is the user namespace that Lateen runs in (user-namespace.ts).
import { closeSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import type { Pod } from '#api/kinds/pod';
import { MeshError, messageOf } from '#foundation/mesh-error';
import { NamespaceNetwork } from '#net/namespace-network';
import { loadSystemCalls } from '#net/system-calls';
import { isGateway, isInjected } from '../injection.ts';
import type { ProxySettings } from '../proxy-settings.ts';
import type { MountPlan } from '../volumes/mount.ts';
import { AddressPool } from './address-pool.ts';
import { type Block, claimBlock, makeBridge, proberAddress, sweep } from './machine-network.ts';
import { insideNamespace, type NamespaceFiles, namespaceFiles, onNetwork } from './namespace-command.ts';
import type { PodNetwork, PodNetworks } from './pod-network.ts';
import { redirectRules, sidecarPorts } from './redirect-rules.ts';
import type { SystemTools } from './system-tools.ts';
import { capturedTraffic } from './traffic-annotations.ts';

export interface NamespaceOptions {
  mode: 'netns' | 'user';
  tools: SystemTools;
  /** Of files that only this Lateen uses. */
  directory: string;
}

const trialPod = { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'trial' }, spec: { containers: [] } } as unknown as Pod;

export class NamespaceNetworks implements PodNetworks {
  private readonly pool = new AddressPool();
  readonly mode: 'netns' | 'user';

  private constructor(
    private readonly options: NamespaceOptions,
    private readonly block: Block,
  ) {
    this.mode = options.mode;
  }

  /**
   * Claims a range, sweeps away what a former Lateen left of it, and shows on a trial pod that everything works that pods need. Throws
   * MeshError, and leaves nothing behind, where it does not.
   */
  static async claim(options: NamespaceOptions): Promise<NamespaceNetworks> {
    if (options.mode === 'user') {
      rmSync(options.directory, { recursive: true, force: true });
      // A new network has nothing but a loopback interface, and that is down.
      await options.tools.run(options.tools.command('ip', 'link', 'set', 'lo', 'up'));
    }
    const block = await claimBlock(options.tools);
    const networks = new NamespaceNetworks(options, block);
    try {
      await sweep(options.tools, block.prefix);
      await makeBridge(options.tools, block);
      await networks.tryOut();
      return networks;
    } catch (thrown) {
      await networks.close().catch(() => {});
      throw thrown;
    }
  }

  /** The bridge. A user namespace has no way out to the machine. */
  get machineAddress(): string | undefined {
    return this.mode === 'netns' ? `${this.block.network}.0.1` : undefined;
  }

  attach(pod: Pod, metadata: ProxySettings['metadata'] = {}): NamespacedPod {
    return new NamespacedPod(pod, this.pool, { ...this.options, block: this.block }, metadata);
  }

  async close(): Promise<void> {
    await sweep(this.options.tools, this.block.prefix);
    await new Promise<void>((resolve) => this.block.claim.close(() => resolve()));
  }

  private async tryOut(): Promise<void> {
    const calls = await loadSystemCalls();
    const trial = this.attach(trialPod);
    await trial.open();
    const network = new NamespaceNetwork(calls, trial.files.namespace, this.block.range);
    try {
      closeSync(network.bound('tcp', { address: '0.0.0.0', port: 0 }));
    } catch (cause) {
      throw new MeshError('NAMESPACE_SOCKETS', `no socket can be made in a namespace of ours: ${messageOf(cause)}`, { cause });
    } finally {
      network.close();
      await trial.close();
    }
  }
}

class NamespacedPod implements PodNetwork {
  private readonly tail: string;
  readonly files: NamespaceFiles;
  private readonly link: string;
  readonly addresses: PodNetwork['addresses'];
  readonly mounts = true;
  readonly environment = { APP_ADDRESS: '0.0.0.0', HOST: '0.0.0.0' };

  constructor(
    private readonly pod: Pod,
    private readonly pool: AddressPool,
    private readonly options: NamespaceOptions & { block: Block },
    private readonly metadata: ProxySettings['metadata'],
  ) {
    const { block } = options;
    this.tail = pool.take();
    this.addresses = { pod: `${block.network}.${this.tail}`, loopback: '127.0.0.1' };
    this.files = namespaceFiles(pod, this.addresses.pod, options);
    this.link = `${block.prefix}v${this.tail.replace('.', '_')}`;
  }

  get proxy(): PodNetwork['proxy'] {
    return {
      placement: { wildcard: '0.0.0.0', loopback: '127.0.0.1' },
      namespace: { file: this.files.namespace, range: this.options.block.range },
      names: this.answersNames ? { address: this.addresses.loopback, port: sidecarPorts.dns } : undefined,
      metadata: isGateway(this.pod) ? {} : { INTERCEPTION_MODE: 'REDIRECT', DNS_CAPTURE: 'true', DNS_AUTO_ALLOCATE: 'true' },
    };
  }

  private get captured(): boolean {
    return isInjected(this.pod) && !isGateway(this.pod);
  }

  /** Always, unless the pod asks that they are not. */
  private get answersNames(): boolean {
    return this.captured && this.metadata['DNS_CAPTURE'] !== 'false';
  }

  get problems(): readonly string[] {
    return this.captured ? capturedTraffic(this.pod).problems : [];
  }

  get probe(): PodNetwork['probe'] {
    return { host: this.addresses.pod, localAddress: proberAddress };
  }

  async open(): Promise<void> {
    const { tools, block, directory } = this.options;
    mkdirSync(directory, { recursive: true });
    writeFileSync(this.files.resolvConf, resolvConfOf(this.pod));
    await this.makeNamespace();
    await tools.run(
      tools.command('ip', '-batch', '-'),
      `link add ${this.link} master ${block.prefix} up type veth peer name eth0 netns ${this.files.namespace}\n`,
    );
    await tools.run(
      onNetwork(tools, this.files.namespace, tools.command('ip', '-batch', '-')),
      [
        'link set lo up',
        `address add ${this.addresses.pod}/16 dev eth0`,
        'link set eth0 up',
        `route add default via ${block.network}.0.1`,
        '',
      ].join('\n'),
    );
    if (!this.captured) return;
    const { traffic } = capturedTraffic(this.pod);
    await tools.run(
      onNetwork(tools, this.files.namespace, tools.command('nft', '-f', '-')),
      redirectRules(traffic, { prober: proberAddress, dns: this.answersNames }),
    );
  }

  inside(command: readonly string[], plan: MountPlan = { mounts: [], own: '' }): readonly string[] {
    const { tools } = this.options;
    if (!this.answersNames && plan.mounts.length === 0) return onNetwork(tools, this.files.namespace, command);
    return insideNamespace(tools, this.files, command, this.answersNames ? { ...plan, resolvConf: this.files.resolvConf } : plan);
  }

  async close(): Promise<void> {
    const { tools } = this.options;
    // Either may not be there, where opening has failed.
    await tools.run(tools.command('ip', 'link', 'delete', this.link)).catch(() => {});
    await this.removeNamespace();
    rmSync(this.files.resolvConf, { force: true });
    this.pool.giveBack(this.tail);
  }

  /** Named, so that `ip netns` shows it; in a user namespace, where the folder of such names is not ours, bound to a file of our own. */
  private async makeNamespace(): Promise<void> {
    const { tools, mode } = this.options;
    await this.removeNamespace();
    if (mode === 'netns') {
      await tools.run(tools.command('ip', 'netns', 'add', this.files.name));
      return;
    }
    writeFileSync(this.files.namespace, '');
    await tools.run([...tools.command('unshare', `--net=${this.files.namespace}`), '/bin/true']);
  }

  private async removeNamespace(): Promise<void> {
    const { tools, mode } = this.options;
    if (mode === 'netns') await tools.run(tools.command('ip', 'netns', 'delete', this.files.name)).catch(() => {});
    else {
      await tools.run(tools.command('umount', this.files.namespace)).catch(() => {});
      rmSync(this.files.namespace, { force: true });
    }
  }
}

/** As Kubernetes writes it. The server is nobody's address: whatever is asked for names, the pod's own server hears it. */
function resolvConfOf({ metadata: { namespace = 'default' } }: Pod): string {
  return `search ${namespace}.svc.cluster.local svc.cluster.local cluster.local\nnameserver 10.96.0.10\noptions ndots:5\n`;
}
