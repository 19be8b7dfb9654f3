// Makes a socket that stands read into our buffers, as the option `onread` does for those that are yet to connect. Node has no way to
// say so afterwards: this sets what the option sets, and does nothing where a version of Node has it otherwise.
import { type OnReadOpts, Socket } from 'node:net';

interface ReadingHandle {
  useUserBuffer?(buffer: Uint8Array): void;
}

type Internals = Record<symbol, unknown> & { _handle?: ReadingHandle | null };

/** `kBuffer`, `kBufferCb`, `kBufferGen` of `net.Socket`: what it reads into, who hears of it, and who has the next buffer. */
const [buffer, callback, generator] = ownSymbols(new Socket(), ['kBuffer', 'kBufferCb', 'kBufferGen']);

/** False: nothing has changed, and its bytes come as `data`. */
export function readInto(socket: Socket, onread: OnReadOpts): boolean {
  const internals = socket as unknown as Internals;
  const handle = internals._handle;
  if (buffer === undefined || callback === undefined || generator === undefined || !handle?.useUserBuffer) return false;
  const given = typeof onread.buffer === 'function' ? onread.buffer() : onread.buffer;
  internals[buffer] = given;
  internals[callback] = onread.callback;
  internals[generator] = typeof onread.buffer === 'function' ? onread.buffer : null;
  handle.useUserBuffer(given);
  return true;
}

function ownSymbols(object: object, names: readonly string[]): (symbol | undefined)[] {
  const symbols = Object.getOwnPropertySymbols(object);
  return names.map((name) => symbols.find(({ description }) => description === name));
}
