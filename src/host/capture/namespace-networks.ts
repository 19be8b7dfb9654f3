// Capture modes `netns` and `user`: each pod in a network namespace of its own, linked to the machine's bridge, its traffic redirected to
// its proxy. In mode `user` the machine is the user namespace that Lateen runs in (user-namespace.ts).
import { closeSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import type { Pod } from '#api/kinds/pod';
import { MeshError, messageOf } from '#foundation/mesh-error';
import { NamespaceNetwork } from '#net/namespace-network';
import { loadSystemCalls, type SystemCalls } from '#net/system-calls';
import { accountDirectory } from '../api-access.ts';
import { isGateway, isInjected } from '../injection.ts';
import type { ProxySettings } from '../proxy-settings.ts';
import type { MountPlan } from '../volumes/mount.ts';
import { AddressPool } from './address-pool.ts';
import type { WayOut } from './connection-relay.ts';
import { type Block, claimBlock, makeBridge, proberAddress, sweepLinks, sweepNamespaces } from './machine-network.ts';
import { machineRules } from './machine-rules.ts';
import { insideNamespace, type NamespaceFiles, namespaceFiles, onNetwork } from './namespace-command.ts';
import { PodGateway } from './pod-gateway.ts';
import type { PodNetwork, PodNetworks } from './pod-network.ts';
import { redirectRules, sidecarPorts } from './redirect-rules.ts';
import { ServiceRules } from './service-rules.ts';
import type { ServiceRoutes } from './service-table.ts';
import type { SystemTools } from './system-tools.ts';
import { capturedTraffic, leavesAnyOut } from './traffic-annotations.ts';

export interface NamespaceOptions {
  mode: 'netns' | 'user';
  tools: SystemTools;
  /** Of files that only this Lateen uses. */
  directory: string;
  /** By which pods reach what is not in their network. */
  way: WayOut;
}

const dnsPort = 53;
const trialPod = { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'trial' }, spec: { containers: [] } } as unknown as Pod;

export class NamespaceNetworks implements PodNetworks {
  private readonly pool = new AddressPool();
  private readonly services: ServiceRules;

  private constructor(
    private readonly options: NamespaceOptions,
    private readonly block: Block,
    private readonly gateway: PodGateway,
  ) {
    this.services = new ServiceRules(options.tools);
  }

  /**
   * Claims a range, sweeps away what a former Lateen left of it, and shows on a trial pod that everything works that pods need. Throws
   * MeshError, and leaves nothing behind, where it does not.
   */
  static async claim(options: NamespaceOptions): Promise<NamespaceNetworks> {
    const { mode, tools, way, directory } = options;
    if (mode === 'user') {
      rmSync(directory, { recursive: true, force: true });
      // A new network has nothing but a loopback interface, and that is down.
      await tools.run(tools.command('ip', 'link', 'set', 'lo', 'up'));
    }
    const calls = await loadSystemCalls();
    const block = await claimBlock(tools);
    const networks = new NamespaceNetworks(options, block, new PodGateway(calls, way));
    try {
      await networks.sweep();
      await makeBridge(tools, block);
      await networks.openGateway();
      await networks.openServices();
      await networks.openMountPoints();
      await networks.tryOut(calls);
      return networks;
    } catch (thrown) {
      await networks.close().catch(() => {});
      throw thrown;
    }
  }

  get mode(): 'netns' | 'user' {
    return this.options.mode;
  }

  get way(): WayOut {
    return this.options.way;
  }

  /** The bridge. */
  get machineAddress(): string {
    return `${this.block.network}.0.1`;
  }

  get serviceNetwork(): string {
    return this.block.serviceNetwork;
  }

  setServices(changes: ServiceRoutes): Promise<void> {
    return this.services.change(changes);
  }

  attach(pod: Pod, metadata: ProxySettings['metadata'] = {}): NamespacedPod {
    return new NamespacedPod(pod, this.pool, { ...this.options, block: this.block, services: this.services }, metadata);
  }

  async close(): Promise<void> {
    this.gateway.close();
    await this.sweep();
    await new Promise<void>((resolve) => this.block.claim.close(() => resolve()));
  }

  private async sweep(): Promise<void> {
    const { tools, mode } = this.options;
    await sweepLinks(tools, this.block.prefix);
    if (mode === 'netns') await sweepNamespaces(tools, this.block.prefix);
  }

  private async openGateway(): Promise<void> {
    const { tools, mode } = this.options;
    const { prefix, range } = this.block;
    const enclosed = mode === 'user';
    const gatewayPort = await this.gateway.listen(enclosed ? '0.0.0.0' : this.machineAddress);
    const ours = [range, `${proberAddress}/32`, ...(enclosed ? ['127.0.0.0/8'] : [])];
    await tools.run(tools.command('nft', '-f', '-'), machineRules({ prefix, ours, gatewayPort, enclosed }));
    if (enclosed) await this.enclose();
  }

  /** What the machine's own programs need in here to reach the world: a route, so that there is something to redirect, and names. */
  private async enclose(): Promise<void> {
    const { tools, directory } = this.options;
    await tools.run(tools.command('ip', 'route', 'add', 'default', 'dev', this.block.prefix));
    mkdirSync(directory, { recursive: true });
    const resolvConf = path.join(directory, 'resolv.conf');
    writeFileSync(resolvConf, `nameserver ${this.machineAddress}\n`);
    // A machine that has no such file asks at 127.0.0.1, and learns nothing.
    await tools.run(tools.command('mount', '--bind', resolvConf, '/etc/resolv.conf')).catch(() => {});
  }

  /** For the machine's own programs, and what proxies pass on as it is. */
  private async openServices(): Promise<void> {
    const { tools, mode } = this.options;
    const { prefix, serviceNetwork } = this.block;
    await this.services.add({ name: `${prefix}-services`, priority: -101, protocols: ['tcp', 'udp'] }, (command) => command);
    if (mode === 'user') return;
    const range = `${serviceNetwork}.0.0/16`;
    await tools.run(tools.command('ip', 'route', 'add', range, 'dev', prefix, 'src', this.machineAddress));
  }

  /**
   * What every pod is shown a volume at is there before: a layer over /run for each container would part it from the sockets of its
   * neighbours. In a user namespace /run is made anew, once, with all that is in it.
   */
  private async openMountPoints(): Promise<void> {
    const { tools, mode, directory } = this.options;
    if (mode === 'netns') mkdirSync(accountDirectory, { recursive: true });
    else await tools.run(['/bin/sh', '-c', ownRunFolder, 'sh', path.join(directory, 'run'), accountDirectory]);
  }

  private async tryOut(calls: SystemCalls): Promise<void> {
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
  private closeServices = () => {};

  constructor(
    private readonly pod: Pod,
    private readonly pool: AddressPool,
    private readonly options: NamespaceOptions & { block: Block; services: ServiceRules },
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
      names: this.answersNames
        ? { address: this.addresses.loopback, port: sidecarPorts.dns, cluster: { address: this.clusterNames, port: dnsPort } }
        : undefined,
      metadata: isGateway(this.pod) ? {} : { INTERCEPTION_MODE: 'REDIRECT', DNS_CAPTURE: 'true', DNS_AUTO_ALLOCATE: 'true' },
    };
  }

  /** Where the machine answers names, to who has no proxy. */
  private get clusterNames(): string {
    return `${this.options.block.network}.0.1`;
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
    writeFileSync(this.files.resolvConf, resolvConfOf(this.pod, this.clusterNames));
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
    const here = (command: readonly string[]) => onNetwork(tools, this.files.namespace, command);
    const { traffic } = capturedTraffic(this.pod);
    const proxied = this.captured && !leavesAnyOut(traffic);
    if (this.captured) {
      const rules = redirectRules(traffic, { prober: proberAddress, dns: this.answersNames });
      await tools.run(here(tools.command('nft', '-f', '-')), rules);
    }
    if (isGateway(this.pod)) return;
    // After redirection, of which it is for what is left: proxies take TCP alone.
    const protocols = proxied ? (['udp'] as const) : (['tcp', 'udp'] as const);
    this.closeServices = await this.options.services.add({ name: 'lateen-services', priority: -99, protocols }, here);
  }

  inside(command: readonly string[], plan: MountPlan = { mounts: [], own: '' }): readonly string[] {
    return insideNamespace(this.options.tools, this.files, command, { ...plan, resolvConf: this.files.resolvConf });
  }

  async close(): Promise<void> {
    const { tools } = this.options;
    this.closeServices();
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

/** $1: an empty folder of ours; $2: to be made below /run, or below what leads there. */
const ownRunFolder = `
set -e
[ -d "$2" ] && exit
mkdir -p "$1"
mount -t tmpfs -o mode=755 tmpfs "$1"
for entry in /run/* /run/.[!.]*; do
  own=$1/\${entry#/run/}
  if [ -L "$entry" ]; then cp -P "$entry" "$own"
  elif [ -d "$entry" ]; then mkdir "$own" && mount --rbind "$entry" "$own"
  elif [ -e "$entry" ]; then : > "$own" && mount --bind "$entry" "$own"
  fi
done
mount --rbind "$1" /run
mkdir -p "$2"
`;

/** As Kubernetes writes it. In a pod whose proxy answers names, whatever is asked, it hears it; in others it is the machine's side. */
function resolvConfOf({ metadata: { namespace = 'default' } }: Pod, server: string): string {
  return `search ${namespace}.svc.cluster.local svc.cluster.local cluster.local\nnameserver ${server}\noptions ndots:5\n`;
}
