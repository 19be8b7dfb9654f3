// A control plane that is gone in the middle of a push: what has come of it is half a message. The proxy serves as before, no request fails,
// and the push takes effect when it comes once more.
import { once } from 'node:events';
import net from 'node:net';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { until } from '../integration/until.ts';
import { services, workloads } from './town.ts';
import { TrafficMesh } from './traffic-mesh.ts';

/** Lets bytes through to the control plane and back, until it is to break off: so many bytes of its word later. */
class TearingRelay {
  tears = 0;
  private left = Number.POSITIVE_INFINITY;
  private readonly open = new Set<net.Socket>();
  private server: net.Server | undefined;

  async start(target: { address: string; port: number }): Promise<{ address: string; port: number }> {
    this.server = net.createServer((client) => this.join(client, net.connect(target.port, target.address)));
    this.server.listen(0, target.address);
    await once(this.server, 'listening');
    return { address: target.address, port: (this.server.address() as net.AddressInfo).port };
  }

  tearAfter(bytes: number): void {
    this.left = bytes;
  }

  close(): void {
    this.server?.close();
    this.cut();
  }

  private join(client: net.Socket, upstream: net.Socket): void {
    for (const [from, to] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      this.open.add(from);
      from.on('error', () => {});
      from.on('close', () => {
        this.open.delete(from);
        to.destroy();
      });
    }
    client.on('data', (bytes) => upstream.write(bytes));
    upstream.on('data', (bytes: Buffer) => {
      const passed = bytes.subarray(0, this.left);
      this.left -= bytes.length;
      if (this.left > 0) client.write(passed);
      else client.write(passed, () => this.tear());
    });
  }

  private tear(): void {
    this.tears++;
    this.left = Number.POSITIVE_INFINITY;
    this.cut();
  }

  private cut(): void {
    for (const socket of this.open) socket.destroy();
  }
}

const url = 'http://reviews:9080/';
const toVersion = (version: string) => `
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: reviews, namespace: default}
spec: {hosts: [reviews], http: [{route: [{destination: {host: reviews, subset: ${version}}}]}]}
`;

const relay = new TearingRelay();
let mesh: TrafficMesh;
beforeAll(async () => {
  const needed = workloads.filter(({ name }) => name === 'client' || name.startsWith('reviews'));
  mesh = await TrafficMesh.start(needed, services, { relay: (target) => relay.start(target) });
  // Without a rule either version answers, and says nothing of which push has come.
  await mesh.apply(toVersion('v1'));
});
afterAll(async () => {
  await mesh.close();
  relay.close();
});

test.each([1, 9, 10, 60, 200, 400])('%s bytes of a push, then nothing', async (bytes) => {
  const before = (await mesh.call({ url })).seen?.workload;
  const version = before === 'reviews-v1' ? 'v2' : 'v1';
  const tears = relay.tears;
  const others = new Set<number>();
  relay.tearAfter(bytes);
  mesh.offer(toVersion(version));
  await until('the push takes effect after all', async () => {
    const { status, seen } = await mesh.call({ url });
    if (status !== 200) others.add(status);
    return relay.tears > tears && seen?.workload === `reviews-${version}`;
  });
  expect([...others]).toEqual([]);
});
