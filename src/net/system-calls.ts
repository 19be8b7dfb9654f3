// Calls of Linux that Node does not have: sockets in other network namespaces, where a redirected connection wanted to go, shared memory. By koffi,
// which is loaded when it is asked for. All are synchronous and take microseconds.
import { getSystemErrorName } from 'node:util';
import { MeshError } from '#foundation/mesh-error';
import type { NetworkAddress } from './network.ts';

export interface SystemCalls {
  /** Moves the calling thread into the namespace of an open file. Throws a system error. */
  enterNamespace(file: number): void;
  /** A new IPv4 socket that does not block: its file descriptor. Throws a system error. */
  socket(kind: 'tcp' | 'udp'): number;
  /** Throws a system error. */
  bind(socket: number, at: NetworkAddress): void;
  /** Throws a system error. */
  setOption(socket: number, option: keyof typeof options, value: number): void;
  /** What conntrack knows of a connection over IPv4; undefined: it was not redirected. */
  originalDestination(socket: number): NetworkAddress | undefined;
  /** A new file without a name, in memory: its file descriptor. Throws a system error. */
  memoryFile(): number;
  /** The first `size` bytes of a file, shared with all who map it; never unmapped. Throws a system error. */
  mapShared(file: number, size: number): ArrayBuffer;
}

/** The kernel's numbers, the same on every architecture that Node runs on. */
const inet = 2;
const socketTypes = { tcp: 1, udp: 2 };
const nonBlocking = 0o4000;
const closeOnExec = 0o2000000;
const newNetwork = 0x4000_0000;
const socketLevel = 1;
const tcpLevel = 6;
/** Level and number. The interval is in seconds. */
const options = {
  'reuse-address': [socketLevel, 2],
  mark: [socketLevel, 36],
  'keepalive-interval': [tcpLevel, 5],
  'keepalive-probes': [tcpLevel, 6],
} as const;
const ipLevel = 0;
const originalDestinationOption = 80;
/** struct sockaddr_in: family in the machine's order, port and address in the network's, padding. */
const addressBytes = 16;
const closeMemoryOnExec = 1;
const readAndWrite = 3;
const mapToAll = 1;

/** Throws MeshError `SYSTEM_CALLS` where there is no koffi for this machine. */
export async function loadSystemCalls(): Promise<SystemCalls> {
  const koffi = await import('koffi').catch((cause: unknown) => {
    throw new MeshError('SYSTEM_CALLS', 'the library koffi, by which system calls are made, cannot be loaded', {
      hint: 'install it with its optional dependencies (npm install koffi), on Linux',
      cause,
    });
  });
  const libc = koffi.default.load('libc.so.6');
  const setns = libc.func('int setns(int, int)');
  const socket = libc.func('int socket(int, int, int)');
  const bind = libc.func('int bind(int, _In_ uint8_t *, uint32_t)');
  const setsockopt = libc.func('int setsockopt(int, int, int, _In_ int *, uint32_t)');
  const getsockopt = libc.func('int getsockopt(int, int, int, _Out_ uint8_t *, _Inout_ uint32_t *)');
  const memfdCreate = libc.func('int memfd_create(const char *, uint32_t)');
  const mmap = libc.func('intptr_t mmap(void *, size_t, int, int, int, int64_t)');
  const checked = (call: string, result: number): number => {
    if (result >= 0) return result;
    const code = getSystemErrorName(-koffi.default.errno());
    throw Object.assign(new Error(`${call} ${code}`), { code, syscall: call });
  };
  const found = Buffer.alloc(addressBytes);
  const length = [addressBytes];
  return {
    enterNamespace: (file) => void checked('setns', setns(file, newNetwork)),
    socket: (kind) => checked('socket', socket(inet, socketTypes[kind] | nonBlocking | closeOnExec, 0)),
    bind: (file, at) => void checked('bind', bind(file, encodeAddress(at), addressBytes)),
    setOption: (file, option, value) => void checked('setsockopt', setsockopt(file, ...options[option], [value], 4)),
    memoryFile: () => checked('memfd_create', memfdCreate('lateen', closeMemoryOnExec)),
    mapShared: (file, size) => {
      const address = mmap(null, size, readAndWrite, mapToAll, file, 0);
      checked('mmap', Number(address));
      return koffi.default.view(BigInt(address), size);
    },
    originalDestination: (file) => {
      length[0] = addressBytes;
      if (getsockopt(file, ipLevel, originalDestinationOption, found, length) !== 0) return undefined;
      return { address: found.subarray(4, 8).join('.'), port: found.readUInt16BE(2) };
    },
  };
}

function encodeAddress({ address, port }: NetworkAddress): Buffer {
  const bytes = Buffer.alloc(addressBytes);
  bytes.writeUInt16LE(inet, 0);
  bytes.writeUInt16BE(port, 2);
  bytes.set(address.split('.').map(Number), 4);
  return bytes;
}
