// What a running Node process holds once its garbage is gone: its own inspector is asked to collect, which SIGUSR1 opens.
import { readFileSync } from 'node:fs';
import { WebSocket } from 'ws';

/** Where Node opens it. */
const inspectorUrl = 'http://127.0.0.1:9229/json/list';
const tries = 100;
const tryEveryMs = 50;

/** RSS in MB after a full collection. Rejects where the inspector does not open: another process may have its port. */
export async function collectedMb(pid: number): Promise<number> {
  process.kill(pid, 'SIGUSR1');
  const socket = new WebSocket(await debuggerUrl());
  await new Promise((resolve, reject) => socket.once('open', resolve).once('error', reject));
  try {
    const { result } = (await call(socket, 1, 'Runtime.evaluate', { expression: 'process.pid' })) as { result: { value: number } };
    if (result.value !== pid) throw new Error(`the inspector at ${inspectorUrl} is that of process ${result.value}, not of ${pid}`);
    // Twice: what finalizers let go of is free only then.
    for (const id of [2, 3]) await call(socket, id, 'HeapProfiler.collectGarbage');
  } finally {
    socket.close();
  }
  return Number(/^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))![1]) / 1_024;
}

async function debuggerUrl(): Promise<string> {
  for (let left = tries; left > 0; left--) {
    const [target] = await fetch(inspectorUrl).then(
      (answer) => answer.json() as Promise<{ webSocketDebuggerUrl: string }[]>,
      () => [],
    );
    if (target) return target.webSocketDebuggerUrl;
    await new Promise((resolve) => setTimeout(resolve, tryEveryMs));
  }
  throw new Error(`no inspector opens at ${inspectorUrl}`);
}

function call(socket: WebSocket, id: number, method: string, params: object = {}): Promise<unknown> {
  return new Promise((resolve, reject) => {
    socket.on('message', (data) => {
      const answer = JSON.parse(String(data)) as { id: number; result: unknown };
      if (answer.id === id) resolve(answer.result);
    });
    socket.once('close', () => reject(new Error('the inspector has closed')));
    socket.send(JSON.stringify({ id, method, params }));
  });
}
