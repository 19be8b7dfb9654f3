// What idle connections cost: thousands are opened, each with one request behind it, and the resident memory is taken before and after.
import type { ChildProcess } from 'node:child_process';
import { connect as connectHttp2 } from 'node:http2';
import { connect, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { residentBytes } from './processes.ts';

/** Bytes of the measured processes for one idle connection. A first batch, which is closed again, pays for what all share. */
export async function idleBytes(kind: 'http1' | 'http2', port: number, count: number, processes: readonly ChildProcess[]): Promise<number> {
  const open = kind === 'http1' ? openHttp1 : openHttp2;
  const warm = await openMany(count, () => open(port));
  for (const close of warm) close();
  await settled(processes);
  const before = residentBytes(processes);
  const all = await openMany(count, () => open(port));
  await settled(processes);
  const after = residentBytes(processes);
  for (const close of all) close();
  return (after - before) / count;
}

type Close = () => void;

async function openMany(count: number, open: () => Promise<Close>): Promise<Close[]> {
  const closes: Close[] = [];
  const batch = 100;
  for (let i = 0; i < count; i += batch) closes.push(...(await Promise.all(Array.from({ length: Math.min(batch, count - i) }, open))));
  return closes;
}

/** Until the memory has not moved by a percent for a second: what is garbage is not what a connection costs, and goes in time. */
async function settled(processes: readonly ChildProcess[]): Promise<void> {
  let last = residentBytes(processes);
  for (let round = 0; round < 10; round++) {
    await sleep(1000);
    const now = residentBytes(processes);
    if (Math.abs(now - last) < last / 100) return;
    last = now;
  }
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
