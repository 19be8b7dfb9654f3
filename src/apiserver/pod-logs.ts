// The subresource `log`: what a container has written, from the end or from the beginning, and what it writes from then on.
import { open } from 'node:fs/promises';
import type { ServerResponse } from 'node:http';
import type { Clock, Timer } from '#foundation/clock';
import { StoreError } from '#store/store-error';
import { isTrue } from './request.ts';

export interface LogQuery {
  container?: string;
  follow?: string;
  tailLines?: string;
  limitBytes?: string;
  previous?: string;
  sinceSeconds?: string;
  sinceTime?: string;
  timestamps?: string;
}

/** Read back from the end when only the last lines are wanted. */
const tailBytesMax = 4 * 1024 * 1024;
const chunkBytes = 64 * 1024;
const followEveryMs = 200;
const unsentBytesMax = 4 * 1024 * 1024;

const timeless = '299 - "output is kept as programs write it, and not when: --since and --timestamps change nothing"';

/** Writes to the response until the end of the file, or until the client goes when it follows. */
export async function writeLog(file: string, query: LogQuery, clock: Clock, response: ServerResponse): Promise<void> {
  const handle = await open(file, 'r');
  const limit = wholeNumber(query.limitBytes, 'limitBytes') ?? Number.POSITIVE_INFINITY;
  const tailLines = wholeNumber(query.tailLines, 'tailLines');
  const { size } = await handle.stat();
  let position = tailLines === undefined ? 0 : await startOfTail(handle, size, tailLines);
  let sent = 0;
  let gone = false;
  const pump = async () => {
    const buffer = Buffer.allocUnsafe(chunkBytes);
    while (!gone && sent < limit && response.writableLength < unsentBytesMax) {
      const { bytesRead } = await handle.read(buffer, 0, Math.min(chunkBytes, limit - sent), position);
      if (bytesRead === 0) return;
      response.write(Buffer.from(buffer.subarray(0, bytesRead)));
      position += bytesRead;
      sent += bytesRead;
    }
  };
  const warning = [query.sinceSeconds, query.sinceTime, query.timestamps].some(Boolean) ? { warning: timeless } : {};
  response.writeHead(200, { 'content-type': 'text/plain; charset=utf-8', 'cache-control': 'no-store', ...warning });
  response.flushHeaders();
  if (!isTrue(query.follow)) {
    // A slow reader is waited for by the response, which ends when all is sent.
    while (position < size && sent < limit) {
      await pump();
      if (response.writableLength >= unsentBytesMax) await new Promise((resolve) => response.once('drain', resolve).once('close', resolve));
      if (response.destroyed) break;
    }
    await handle.close();
    response.end();
    return;
  }
  let timer: Timer | undefined;
  const turn = async () => {
    await pump();
    if (!gone && sent < limit) timer = clock.after(followEveryMs, () => void turn(), { unref: true });
    else response.end();
  };
  response.on('close', () => {
    gone = true;
    timer?.cancel();
    void handle.close();
  });
  await turn();
}

async function startOfTail(handle: Awaited<ReturnType<typeof open>>, size: number, lines: number): Promise<number> {
  if (lines === 0) return size;
  const from = Math.max(0, size - tailBytesMax);
  const buffer = Buffer.alloc(size - from);
  await handle.read(buffer, 0, buffer.length, from);
  // A newline at the very end closes the last line, and begins none.
  let at = buffer.length - (buffer.at(-1) === 10 ? 1 : 0);
  for (let found = 0; found < lines; found++) {
    const newline = at <= 0 ? -1 : buffer.lastIndexOf(10, at - 1);
    if (newline < 0) return from;
    at = newline;
  }
  return from + at + 1;
}

function wholeNumber(text: string | undefined, name: string): number | undefined {
  if (text === undefined || text === '') return undefined;
  if (/^\d{1,15}$/.test(text)) return Number(text);
  throw new StoreError('BAD_REQUEST', `${name}: "${text}" is no whole number`);
}
