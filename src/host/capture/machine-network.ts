// The machine's side of namespaced pods: a bridge with an address range of its own, and what is to be swept away of it. Several Lateens
// share a machine; each claims a block, whose number is in the names of everything that it makes.
import { readdir } from 'node:fs/promises';
import { BlockList, type Server } from 'node:net';
import { MeshError, messageOf } from '#foundation/mesh-error';
import { claimAddress } from './address-claim.ts';
import { blockPrefix, firstOctet, namespaceFolder } from './namespace-command.ts';
import type { SystemTools } from './system-tools.ts';

const blockCount = 10;
/** Services of block n are 10.(96 + n).0.0/16, of Kubernetes' usual 10.96.0.0/12: a cluster IP is one Lateen's alone. */
const firstServiceOctet = 96;
/** Where the machine asks pods' programs from, past their proxies. Istio's choice of an address that nobody has. */
export const proberAddress = '169.254.7.127';

export interface Block {
  /** Of the names of its namespaces, links and bridge. */
  prefix: string;
  /** `10.244`: of pods. */
  network: string;
  /** `10.96`: of Services. */
  serviceNetwork: string;
  range: string;
  claim: Server;
}

/** Claims the first block whose range the machine does not use for something else. Throws MeshError `ADDRESS_BLOCKS`. */
export async function claimBlock(tools: SystemTools): Promise<Block> {
  const routes = (await tools.run(tools.command('ip', '-4', 'route', 'show'))).split('\n');
  for (let number = 0; number < blockCount; number++) {
    const prefix = blockPrefix(number);
    const network = `10.${firstOctet + number}`;
    const serviceNetwork = `10.${firstServiceOctet + number}`;
    const isForeign = (route: string) =>
      [network, serviceNetwork].some((each) => overlaps(route, each)) && !route.includes(`dev ${prefix} `);
    const foreign = routes.some(isForeign);
    const claim = foreign ? undefined : await claimAddress(`127.63.255.${number + 1}`);
    if (claim !== undefined) return { prefix, network, serviceNetwork, range: `${network}.0.0/16`, claim };
  }
  throw new MeshError('ADDRESS_BLOCKS', `all ${blockCount} ranges of pod addresses are taken`, {
    hint: `10.${firstOctet}.0.0/16 to 10.${firstOctet + blockCount - 1}.0.0/16 are in use by this machine's routes, or by other Lateens: stop one that is no longer needed`,
  });
}

/** Whether a line of `ip route` speaks of addresses of the /16. */
function overlaps(route: string, network: string): boolean {
  const [, address, bits = '32'] = /^(?:\w+ )?(10\.\d+\.\d+\.\d+)(?:\/(\d+))?/.exec(route) ?? [];
  if (address === undefined) return false;
  const [routed, own] = [new BlockList(), new BlockList()];
  routed.addSubnet(address, Number(bits));
  own.addSubnet(`${network}.0.0`, 16);
  return routed.check(`${network}.0.0`) || own.check(address);
}

/** The bridge to which pods are linked. Its hardware address is said, for it would change with the pods that come and go. */
export async function makeBridge(tools: SystemTools, { prefix, network }: Block): Promise<void> {
  const second = Number(network.split('.')[1]).toString(16).padStart(2, '0');
  await tools.run(
    tools.command('ip', '-batch', '-'),
    [
      `link add ${prefix} address 02:6c:61:74:00:${second} type bridge`,
      `address add ${network}.0.1/16 dev ${prefix}`,
      `address add ${proberAddress}/32 dev ${prefix}`,
      `link set ${prefix} up`,
      '',
    ].join('\n'),
  );
}

/**
 * Takes away what a Lateen of this block has left of links and rules. Before its namespaces: one gives its links back late, and their names
 * would be taken until then.
 */
export async function sweepLinks(tools: SystemTools, prefix: string): Promise<void> {
  const links = await tools.run(tools.command('ip', '-o', 'link', 'show'));
  const own = [...links.matchAll(new RegExp(`^\\d+: (${prefix}v\\d+_\\d+|${prefix})[@:]`, 'gm'))].map(([, name]) => name);
  if (own.length > 0) await tools.run(tools.command('ip', '-batch', '-'), own.map((name) => `link delete ${name}\n`).join(''));
  // Added first: one that is not there cannot be deleted.
  const tables = [prefix, `${prefix}-services`].flatMap((table) => [`add table ip ${table}`, `delete table ip ${table}`]);
  await tools.run(tools.command('nft', '-f', '-'), `${tables.join('\n')}\n`);
}

/** The namespaces that it has left, with the processes that are in them. Never from within a user namespace, where none of them is ours. */
export async function sweepNamespaces(tools: SystemTools, prefix: string): Promise<void> {
  const namespaces = await readdir(namespaceFolder).catch(() => []);
  for (const namespace of namespaces.filter((name) => name.startsWith(`${prefix}-`))) {
    for (const pid of (await tools.run(tools.command('ip', 'netns', 'pids', namespace))).split('\n').filter(Boolean))
      endProcess(Number(pid));
    await tools.run(tools.command('ip', 'netns', 'delete', namespace));
  }
}

function endProcess(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch (thrown) {
    if ((thrown as NodeJS.ErrnoException).code !== 'ESRCH')
      throw new MeshError('SWEEP', `process ${pid} of a former mesh cannot be ended: ${messageOf(thrown)}`);
  }
}
