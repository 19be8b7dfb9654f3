// Why a listener could not be opened, for people: which address, and when it is taken, by which process, if /proc tells.
import { readdir, readFile, readlink } from 'node:fs/promises';
import { messageOf } from '#foundation/mesh-error';
import type { Problem } from '#foundation/problem';
import { formatAddress, type SocketAddress } from '#proxy/config/socket-address';

export async function describeListenError(listener: string, address: SocketAddress, thrown: unknown): Promise<Problem> {
  const { code } = thrown as NodeJS.ErrnoException;
  const at = formatAddress(address);
  const object = `Listener ${listener}`;
  switch (code) {
    case 'EADDRINUSE': {
      const owner = await portOwner(address.port);
      return {
        level: 'error',
        code: 'PORT_IN_USE',
        message: `${at} is in use${owner === undefined ? '' : ` by ${owner}`}`,
        hint: 'end that process, or give the listener another port',
        object,
      };
    }
    case 'EACCES':
      return {
        level: 'error',
        code: 'PORT_NOT_ALLOWED',
        message: `${at}: no permission to listen there`,
        hint: 'ports below 1024 want root',
        object,
      };
    case 'EADDRNOTAVAIL':
      return { level: 'error', code: 'ADDRESS_NOT_AVAILABLE', message: `${at}: no such address on this machine`, object };
    default:
      return { level: 'error', code: 'LISTEN_FAILED', message: `${at}: ${messageOf(thrown)}`, object };
  }
}

/** `nginx (pid 123)`: who listens at a TCP port; undefined when that cannot be known. */
async function portOwner(port: number): Promise<string | undefined> {
  try {
    const inodes = await listeningInodes(port);
    if (inodes.size === 0) return undefined;
    for (const pid of await readdir('/proc')) {
      if (/^\d+$/.test(pid) && (await hasSocket(pid, inodes))) {
        return `${(await readFile(`/proc/${pid}/comm`, 'utf8')).trim()} (pid ${pid})`;
      }
    }
  } catch {
    // Not Linux, or /proc is closed to us.
  }
  return undefined;
}

async function listeningInodes(port: number): Promise<Set<string>> {
  const wanted = port.toString(16).toUpperCase().padStart(4, '0');
  const inodes = new Set<string>();
  for (const table of ['/proc/net/tcp', '/proc/net/tcp6']) {
    for (const line of (await readFile(table, 'utf8').catch(() => '')).split('\n').slice(1)) {
      // sl local remote state tx:rx tr:tm retrnsmt uid timeout inode; state 0A is LISTEN.
      const [, local = '', , state, , , , , , inode = ''] = line.trim().split(/\s+/);
      if (state === '0A' && local.endsWith(`:${wanted}`)) inodes.add(`socket:[${inode}]`);
    }
  }
  return inodes;
}

async function hasSocket(pid: string, inodes: ReadonlySet<string>): Promise<boolean> {
  const descriptors = await readdir(`/proc/${pid}/fd`).catch(() => []);
  for (const descriptor of descriptors) {
    const target = await readlink(`/proc/${pid}/fd/${descriptor}`).catch(() => '');
    if (inodes.has(target)) return true;
  }
  return false;
}
