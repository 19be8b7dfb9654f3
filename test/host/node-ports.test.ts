// Node ports over real sockets: what leads where as Services change, and what is said of a port that cannot be had.
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server } from 'node:net';
import { expect, onTestFinished, test } from 'vitest';
import { silentLogger } from '#foundation/logger';
import { MeshError } from '#foundation/mesh-error';
import { SeededRandom } from '#foundation/random';
import type { ServiceRoute } from '#host/capture/service-table';
import { NodePorts } from '#host/node-ports';
import { until } from '../integration/until.ts';

async function listen(says = ''): Promise<{ server: Server; port: number }> {
  const server = createServer((socket) => socket.end(says)).listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => void server.close());
  return { server, port: (server.address() as AddressInfo).port };
}

/** A port that nobody has any more. */
async function freePort(): Promise<number> {
  const { server, port } = await listen();
  server.close();
  await once(server, 'close');
  return port;
}

/** What is said at the port, or the code of the error. */
function said(port: number): Promise<string> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    let text = '';
    socket.on('data', (chunk) => (text += chunk));
    socket.on('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
    socket.on('end', () => resolve(text));
  });
}

function nodePorts(publish: (port: number) => Promise<() => void> = async () => () => undefined) {
  const failures: string[][] = [];
  const failed = (...failure: string[]) => void failures.push(failure);
  const ports = new NodePorts({ way: { publish }, random: new SeededRandom(1), logger: silentLogger, failed });
  onTestFinished(() => ports.close());
  const set = (routes: readonly Partial<ServiceRoute>[], service = 'default/web') =>
    ports.set(
      new Map([
        [service, routes.map((route) => ({ address: '10.96.0.9', protocol: 'tcp', port: 80, endpoints: [], ...route }) as ServiceRoute)],
      ]),
    );
  return { failures, set };
}

test('leads to those that are ready, as they change, until the Service is gone', async () => {
  const [a, b, nodePort] = [await listen('a'), await listen('b'), await freePort()];
  const to = (...ports: number[]) => ({ nodePort, endpoints: ports.map((port) => ({ address: '127.0.0.1', port })) });
  const { set, failures } = nodePorts();
  set([to(a.port)]);
  await until('it is open', async () => (await said(nodePort)) === 'a');
  set([to(a.port, b.port)]);
  const seen = new Set<string>();
  await until('both are called', async () => seen.add(await said(nodePort)).size === 2);
  set([to()]);
  await until('nobody is behind it', async () => (await said(nodePort)) === 'ECONNRESET');
  set([]);
  await until('it is closed', async () => (await said(nodePort)) === 'ECONNREFUSED');
  expect(failures).toEqual([]);
});

test('a port that somebody has, one that the machine refuses, and UDP: said, and the rest works', async () => {
  const [taken, refused, open, a] = [await listen(), await freePort(), await freePort(), await listen('a')];
  const endpoints = [{ address: '127.0.0.1', port: a.port }];
  const { set, failures } = nodePorts((port) =>
    port === refused ? Promise.reject(new MeshError('PORT_REFUSED', 'it is in use')) : Promise.resolve(() => undefined),
  );
  set([{ nodePort: taken.port }, { nodePort: refused }, { nodePort: 30_000, protocol: 'udp' }, { nodePort: open, endpoints }]);
  await until('the last is open', async () => (await said(open)) === 'a');
  expect(failures).toEqual([
    ['default/web', expect.stringMatching(`node port ${taken.port} cannot be opened: .* is in use by .*pid ${process.pid}`)],
    ['default/web', `node port ${refused} cannot be opened: it is in use`],
    ['default/web', 'node port 30000 is not opened: those of UDP lead nowhere on this machine'],
  ]);
  expect(await said(refused)).toBe('ECONNREFUSED');
});
