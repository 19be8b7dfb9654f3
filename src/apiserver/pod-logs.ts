// The subresource `log`: what a container has written, from the end, from a time or from the beginning, and what it writes from then on.
import { type FileHandle, open } from 'node:fs/promises';
import type { ServerResponse } from 'node:http';
import type { Clock, Timer } from '#foundation/clock';
import { StoreError } from '#store/store-error';
import type { ContainerLog } from './pod-access.ts';
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
const newline = 10;

/** Writes to the response until the end of the file, or until the client goes when it follows. Throws StoreError BAD_REQUEST. */
export async function writeLog({ file, times }: ContainerLog, query: LogQuery, clock: Clock, response: ServerResponse): Promise<void> {
  const limit = wholeNumber(query.limitBytes, 'limitBytes') ?? Number.POSITIVE_INFINITY;
  const tailLines = wholeNumber(query.tailLines, 'tailLines');
  const sinceMs = sinceOf(query, clock);
  const handle = await open(file, 'r');
  const { size } = await handle.stat();
  const tail = tailLines === undefined ? 0 : await startOfTail(handle, size, tailLines);
  let position = Math.max(tail, sinceMs === undefined ? 0 : Math.min(times.offsetSince(sinceMs), size));
  const stamp = isTrue(query.timestamps) ? new LineStamp(times) : undefined;
  let sent = 0;
  let gone = false;
  const pump = async () => {
    const buffer = Buffer.allocUnsafe(chunkBytes);
    while (!gone && sent < limit && response.writableLength < unsentBytesMax) {
      const { bytesRead } = await handle.read(buffer, 0, Math.min(chunkBytes, limit - sent), position);
      if (bytesRead === 0) return;
      const read = Buffer.from(buffer.subarray(0, bytesRead));
      response.write(stamp ? stamp.lines(read, position) : read);
      position += bytesRead;
      sent += bytesRead;
    }
  };
  response.writeHead(200, { 'content-type': 'text/plain; charset=utf-8', 'cache-control': 'no-store' });
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

/** Writes its time in front of each line. */
class LineStamp {
  private atStart = true;

  constructor(private readonly times: ContainerLog['times']) {}

  /** `offset`: of the first of these bytes, which follow those of the last call. */
  lines(bytes: Buffer, offset: number): Buffer {
    const parts: Buffer[] = [];
    for (let at = 0; at < bytes.length; ) {
      const end = bytes.indexOf(newline, at);
      const next = end < 0 ? bytes.length : end + 1;
      if (this.atStart) parts.push(Buffer.from(`${new Date(this.times.at(offset + at)).toISOString()} `));
      parts.push(bytes.subarray(at, next));
      this.atStart = end >= 0;
      at = next;
    }
    return Buffer.concat(parts);
  }
}

/** In milliseconds since the epoch; undefined: from the beginning. */
function sinceOf({ sinceSeconds, sinceTime }: LogQuery, clock: Clock): number | undefined {
  const seconds = wholeNumber(sinceSeconds, 'sinceSeconds');
  if (seconds !== undefined) return clock.wallMs() - seconds * 1000;
  if (sinceTime === undefined || sinceTime === '') return undefined;
  const time = Date.parse(sinceTime);
  if (Number.isNaN(time)) throw new StoreError('BAD_REQUEST', `sinceTime: "${sinceTime}" is no time such as 2006-01-02T15:04:05Z`);
  return time;
}

async function startOfTail(handle: FileHandle, size: number, lines: number): Promise<number> {
  if (lines === 0) return size;
  const from = Math.max(0, size - tailBytesMax);
  const buffer = Buffer.alloc(size - from);
  await handle.read(buffer, 0, buffer.length, from);
  // A newline at the very end closes the last line, and begins none.
  let at = buffer.length - (buffer.at(-1) === newline ? 1 : 0);
  for (let found = 0; found < lines; found++) {
    const before = at <= 0 ? -1 : buffer.lastIndexOf(newline, at - 1);
    if (before < 0) return from;
    at = before;
  }
  return from + at + 1;
}

function wholeNumber(text: string | undefined, name: string): number | undefined {
  if (text === undefined || text === '') return undefined;
  if (/^\d{1,15}$/.test(text)) return Number(text);
  throw new StoreError('BAD_REQUEST', `${name}: "${text}" is no whole number`);
}
