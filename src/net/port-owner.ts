// Which process has a TCP port, by Linux' /proc; and what to say when a server cannot listen because of it.
import { readdir, readFile, readlink } from 'node:fs/promises';
import { MeshError, messageOf } from '#foundation/mesh-error';

/**
 * `nginx (pid 123)`: who listens at this IPv4 address and port, or at the port of every address. Undefined when that cannot be
 * known: not on Linux, or the process is another user's.
 */
export async function portOwner(address: string, port: number): Promise<string | undefined> {
  try {
    const sockets = await listeningSockets(address, port);
    if (sockets.size === 0) return undefined;
    for (const pid of await readdir('/proc')) {
      if (/^\d+$/.test(pid) && (await hasSocket(pid, sockets))) {
        return `${(await readFile(`/proc/${pid}/comm`, 'utf8')).trim()} (pid ${pid})`;
      }
    }
  } catch {
    // /proc is not there, or closed to us.
  }
  return undefined;
}

/** Why `server` ("the API server") cannot listen: ADDRESS_IN_USE with the owner where that is known, else LISTEN_FAILED. */
export async function listenFailure(server: string, { host, port }: { host: string; port: number }, cause: unknown): Promise<MeshError> {
  // gRPC gives the system's code in words alone.
  const inUse = messageOf(cause).includes('EADDRINUSE');
  if (!inUse) return new MeshError('LISTEN_FAILED', `${server} cannot listen on ${host}:${port}: ${messageOf(cause)}`, { cause });
  const owner = await portOwner(host, port);
  return new MeshError('ADDRESS_IN_USE', `${server} cannot listen on ${host}:${port}: it is in use${owner ? ` by ${owner}` : ''}`, {
    hint: 'end the program that has it (is another mesh running?), or choose another port',
    cause,
  });
}

const everyAddress = new Set(['00000000', '0'.repeat(32)]);

/** The kernel's names of the sockets: `socket:[4711]`. */
async function listeningSockets(address: string, port: number): Promise<Set<string>> {
  const wantedAddress = kernelAddress(address);
  const wantedPort = port.toString(16).toUpperCase().padStart(4, '0');
  const sockets = new Set<string>();
  for (const table of ['/proc/net/tcp', '/proc/net/tcp6']) {
    for (const line of (await readFile(table, 'utf8').catch(() => '')).split('\n').slice(1)) {
      // sl local remote state tx:rx tr:tm retrnsmt uid timeout inode; state 0A is LISTEN.
      const [, local = '', , state, , , , , , inode = ''] = line.trim().split(/\s+/);
      const [localAddress = '', localPort] = local.split(':');
      if (state !== '0A' || localPort !== wantedPort) continue;
      const meets = everyAddress.has(localAddress) || everyAddress.has(wantedAddress) || localAddress.endsWith(wantedAddress);
      if (meets) sockets.add(`socket:[${inode}]`);
    }
  }
  return sockets;
}

/** As /proc/net/tcp has it: the four bytes as a number of this machine, which is little-endian wherever Node runs. */
function kernelAddress(address: string): string {
  const bytes = address.split('.').map((byte) => Number(byte).toString(16).toUpperCase().padStart(2, '0'));
  return bytes.reverse().join('');
}

async function hasSocket(pid: string, sockets: ReadonlySet<string>): Promise<boolean> {
  const descriptors = await readdir(`/proc/${pid}/fd`).catch(() => []);
  for (const descriptor of descriptors) {
    const target = await readlink(`/proc/${pid}/fd/${descriptor}`).catch(() => '');
    if (sockets.has(target)) return true;
  }
  return false;
}
