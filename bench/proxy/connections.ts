// What idle connections cost: thousands are opened, each with one request behind it, in a process that has served a few before. Its memory is
// taken before and after, each time once its garbage is gone.
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { connect as connectHttp2 } from 'node:http2';
import { connect, type Socket } from 'node:net';

/** Of a process, in bytes: resident, and what JavaScript holds. */
export interface ProcessMemory {
  resident: number;
  held: number;
}

const warmCount = 200;

/** Bytes of the process for one idle connection. It answers `memory` over its channel, after a collection. */
export async function idleBytes(kind: 'http1' | 'http2', port: number, count: number, process: ChildProcess): Promise<ProcessMemory> {
  const open = kind === 'http1' ? openHttp1 : openHttp2;
  // What all connections share is there before, and so are the first ones' pages.
  const warm = await openMany(warmCount, () => open(port));
  for (const close of warm) close();
  const before = await memoryOf(process);
  const all = await openMany(count, () => open(port));
  const after = await memoryOf(process);
  for (const close of all) close();
  return { resident: (after.resident - before.resident) / count, held: (after.held - before.held) / count };
}

async function memoryOf(process: ChildProcess): Promise<ProcessMemory> {
  process.send('memory');
  const [memory] = await once(process, 'message');
  return memory as ProcessMemory;
}

type Close = () => void;

async function openMany(count: number, open: () => Promise<Close>): Promise<Close[]> {
  const closes: Close[] = [];
  const batch = 100;
  for (let i = 0; i < count; i += batch) closes.push(...(await Promise.all(Array.from({ length: Math.min(batch, count - i) }, open))));
  return closes;
}

function openHttp1(port: number): Promise<Close> {
  return new Promise((resolve, reject) => {
    const socket: Socket = connect(port, '127.0.0.1', () => socket.write('GET /1k HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n'));
    socket.once('error', reject);
    socket.once('data', () => resolve(() => socket.destroy()));
  });
}

function openHttp2(port: number): Promise<Close> {
  return new Promise((resolve, reject) => {
    const session = connectHttp2(`http://127.0.0.1:${port}`);
    session.once('error', reject);
    const stream = session.request({ ':path': '/1k' });
    stream.on('error', reject).on('close', () => resolve(() => session.destroy()));
    stream.resume();
  });
}
