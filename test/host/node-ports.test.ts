// Node ports over real sockets: what leads where as Services change, and what is said of a port that cannot be had.

import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server } from 'node:net';
import { expect, onTestFinished, test } from 'vitest';
import { ManualClock } from '#foundation/clock';
import { silentLogger } from '#foundation/logger';
import { MeshError } from '#foundation/mesh-error';
import { SeededRandom } from '#foundation/random';
import { ConnectionRelay } from '#host/capture/connection-relay';
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
  const clock = new ManualClock();
  const { bind } = new ConnectionRelay();
  const ports = new NodePorts({ way: { publish, bind }, clock, random: new SeededRandom(1), logger: silentLogger, failed });
  onTestFinished(() => ports.close());
  const set = (routes: readonly Partial<ServiceRoute>[], service = 'default/web') =>
    ports.set(
      new Map([
        [service, routes.map((route) => ({ address: '10.96.0.9', protocol: 'tcp', port: 80, endpoints: [], ...route }) as ServiceRoute)],
      ]),
    );
  return { failures, set, clock };
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

test('a port that somebody has, and one that the machine refuses: said once, the rest works, and they are had when they are free', async () => {
  const [taken, refused, open, a] = [await listen(), await freePort(), await freePort(), await listen('a')];
  const endpoints = [{ address: '127.0.0.1', port: a.port }];
  let refuses = true;
  const { set, failures, clock } = nodePorts((port) =>
    port === refused && refuses ? Promise.reject(new MeshError('PORT_REFUSED', 'it is in use')) : Promise.resolve(() => undefined),
  );
  set([
    { nodePort: taken.port, endpoints },
    { nodePort: refused, endpoints },
    { nodePort: open, endpoints },
  ]);
  await until('the last is open', async () => (await said(open)) === 'a');
  expect(await said(refused)).toBe('ECONNREFUSED');
  const told = [
    ['default/web', expect.stringMatching(`node port ${taken.port} cannot be opened.*: .* is in use by .*pid ${process.pid}`)],
    ['default/web', `node port ${refused} cannot be opened, and is tried again: it is in use`],
  ];
  await until('both were tried', () => failures.length === 2);
  expect(failures).toEqual(told);
  refuses = false;
  const had = async (port: number) => {
    clock.advance(5_000);
    return (await said(port)) === 'a';
  };
  await until('the one is had', () => had(refused));
  taken.server.close();
  await until('the other is had', () => had(taken.port));
  expect(failures).toEqual(told);
});

test('UDP: whoever sends talks with one endpoint until that has left', async () => {
  const echo = async (says: string) => {
    const socket = createSocket('udp4');
    socket.on('message', (bytes, from) => socket.send(`${says}${bytes}`, from.port, from.address));
    socket.bind(0, '127.0.0.1');
    await once(socket, 'listening');
    onTestFinished(() => void socket.close());
    return { address: '127.0.0.1', port: socket.address().port };
  };
  const [a, b, nodePort] = [await echo('a'), await echo('b'), await freePort()];
  const client = createSocket('udp4').bind(0, '127.0.0.1');
  onTestFinished(() => void client.close());
  const heard: string[] = [];
  client.on('message', (bytes) => heard.push(String(bytes)));
  const { set, failures } = nodePorts();
  const ask = async (text: string) => {
    heard.length = 0;
    await until('an answer', () => {
      client.send(text, nodePort, '127.0.0.1');
      return heard.length > 0;
    });
    return heard[0];
  };
  set([{ protocol: 'udp', nodePort, endpoints: [a] }]);
  expect(await ask('1')).toBe('a1');
  set([{ protocol: 'udp', nodePort, endpoints: [a, b] }]);
  const answers = [];
  for (const text of ['2', '3', '4', '5', '6']) answers.push((await ask(text))?.[0]);
  expect(new Set(answers)).toEqual(new Set(['a']));
  set([{ protocol: 'udp', nodePort, endpoints: [b] }]);
  expect((await ask('7'))?.[0]).toBe('b');
  set([]);
  // Whoever binds it next can: it is closed.
  await until('it is closed', async () => {
    (await new ConnectionRelay().bind(nodePort)).close();
    return true;
  });
  expect(failures).toEqual([]);
});
