// A proxy that cannot start, since somebody else still is where it is to be: said, tried again, and given up when it is not wanted any more.
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { createServer, type Server } from 'node:net';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { FleetCommand, FleetReport } from '#host/proxy-fleet';
import type { ProxyBootstrap } from '#proxy/bootstrap';
import { request } from './http-client.ts';
import { inherited, whyNotBuilt } from './mesh-fixture.ts';
import { until } from './until.ts';

const cleanups: (() => Promise<unknown> | void)[] = [];
beforeEach((context) => {
  if (whyNotBuilt !== undefined) context.skip(whyNotBuilt);
});
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

const id = 'sidecar~127.0.0.1~test.default~default.svc.cluster.local';
const bootstrap = (port: number): ProxyBootstrap => ({
  node: { id, cluster: 'test.default', metadata: {}, locality: {} } as ProxyBootstrap['node'],
  admin: { address: '127.0.0.1', port },
  placement: {} as ProxyBootstrap['placement'],
});

async function proxies(): Promise<{ tell(command: FleetCommand): void; reports: FleetReport[] }> {
  const program = fileURLToPath(new URL('../../dist/main/proxies.js', import.meta.url));
  const child: ChildProcess = fork(program, {
    env: { ...inherited, LATEEN_LOG_LEVEL: 'silent' },
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  });
  const ended = once(child, 'exit');
  cleanups.push(async () => {
    child.kill('SIGKILL');
    await ended;
  });
  const reports: FleetReport[] = [];
  child.on('message', (report: FleetReport) => void reports.push(report));
  await until('it is up', () => reports.some(({ type }) => type === 'up'));
  return { tell: (command) => void child.send(command), reports };
}

/** Somebody at a port of the machine. */
async function occupant(): Promise<{ port: number; leave(): Promise<void> }> {
  const server: Server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  cleanups.push(() => void server.close());
  const leave = async (): Promise<void> => {
    server.close();
    await once(server, 'close');
  };
  return { port: (server.address() as { port: number }).port, leave };
}

const failures = (reports: readonly FleetReport[]) => reports.flatMap((report) => (report.type === 'failed' ? [report.message] : []));

test('it says why, and starts when the place is free', async () => {
  const { tell, reports } = await proxies();
  const { port, leave } = await occupant();
  tell({ type: 'add', id, bootstrap: bootstrap(port) });
  // More than once: it goes on trying.
  await until('it has been tried again', () => failures(reports).length > 1);
  expect(failures(reports)[0]).toContain(`127.0.0.1:${port}`);
  await leave();
  await until('it answers', async () => (await request(`http://127.0.0.1:${port}/server_info`)).status === 200);
});

test('it is not tried any more when it is not wanted', async () => {
  const { tell, reports } = await proxies();
  const { port, leave } = await occupant();
  tell({ type: 'add', id, bootstrap: bootstrap(port) });
  await until('it has been tried', () => failures(reports).length > 0);
  tell({ type: 'remove', id, drainMs: 0 });
  await until('it is removed', () => reports.some(({ type }) => type === 'removed'));
  await leave();
  const other = `${id}.other`;
  const { port: otherPort, leave: makeRoom } = await occupant();
  tell({ type: 'add', id: other, bootstrap: bootstrap(otherPort) });
  // As often as would have brought the first one back.
  await until('another one is tried again', () => reports.filter((report) => report.type === 'failed' && report.id === other).length > 2);
  await expect(request(`http://127.0.0.1:${port}/server_info`)).rejects.toThrow('ECONNREFUSED');
  await makeRoom();
});
