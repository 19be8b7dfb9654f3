// A peer that nobody here wrote: a gRPC client library takes its routes from our ADS and follows a weighted VirtualService.
import { execFile } from 'node:child_process';
import path from 'node:path';
import { promisify } from 'node:util';
import { Server, ServerCredentials } from '@grpc/grpc-js';
import { afterEach, expect, test } from 'vitest';
import { ControlPlane } from '#control/control-plane';
import { systemClock } from '#foundation/clock';
import { silentLogger } from '#foundation/logger';
import { ManualSource } from './fixture.ts';

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

const loopback = { host: '127.0.0.1', port: 0 };
const same = (value: Buffer) => value;
const service = {
  ask: {
    path: '/test.Who/Ask',
    requestStream: false,
    responseStream: false,
    requestSerialize: same,
    requestDeserialize: same,
    responseSerialize: same,
    responseDeserialize: same,
  },
};

/** Answers with its name. Resolves to its port. */
async function startServer(name: string): Promise<number> {
  const server = new Server();
  server.addService(service, { ask: (_call: unknown, reply: (error: null, value: Buffer) => void) => reply(null, Buffer.from(name)) });
  cleanups.push(() => server.forceShutdown());
  return new Promise((resolve, reject) =>
    server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, port) => (error ? reject(error) : resolve(port))),
  );
}

const meshYaml = (ports: Record<string, number>) => `
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: who}
spec:
  hosts: [who.default.svc.cluster.local]
  location: MESH_INTERNAL
  resolution: STATIC
  ports: [{number: 9080, name: grpc, protocol: GRPC}]
  endpoints: [${Object.entries(ports)
    .map(([version, port]) => `{address: 127.0.0.1, ports: {grpc: ${port}}, labels: {version: ${version}}}`)
    .join(', ')}]
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: who}
spec: {host: who, subsets: [{name: v1, labels: {version: v1}}, {name: v2, labels: {version: v2}}]}
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: who}
spec:
  hosts: [who]
  http: [{route: [{destination: {host: who, subset: v1}, weight: 90}, {destination: {host: who, subset: v2}, weight: 10}]}]
`;

test('an RPC through xds:/// follows a weighted VirtualService', async () => {
  const source = new ManualSource(meshYaml({ v1: await startServer('v1'), v2: await startServer('v2') }));
  const control = new ControlPlane({ source, clock: systemClock, logger: silentLogger, xdsAddress: loopback, debugAddress: loopback });
  const { xds, debug } = await control.start();
  cleanups.push(() => control.stop());
  const bootstrap = {
    xds_servers: [{ server_uri: `127.0.0.1:${xds.port}`, channel_creds: [{ type: 'insecure' }], server_features: ['xds_v3'] }],
    node: {
      id: 'sidecar~127.0.0.1~client.default~default.svc.cluster.local',
      locality: { region: 'here' },
      metadata: { GENERATOR: 'grpc' },
    },
  };
  const calls = 1000;
  const { stdout } = await promisify(execFile)(
    process.execPath,
    [path.join(import.meta.dirname, 'xds-client.mjs'), 'xds:///who.default.svc.cluster.local:9080', String(calls)],
    { env: { ...process.env, GRPC_XDS_BOOTSTRAP_CONFIG: JSON.stringify(bootstrap) }, timeout: 25_000 },
  );
  const counts = JSON.parse(stdout) as Record<string, number>;
  expect((counts['v1'] ?? 0) + (counts['v2'] ?? 0)).toBe(calls);
  // Six standard deviations about 100.
  expect(counts['v2']).toBeGreaterThan(43);
  expect(counts['v2']).toBeLessThan(157);
  const metrics = await (await fetch(`http://127.0.0.1:${debug.port}/metrics`)).text();
  expect(metrics).not.toContain('pilot_total_xds_rejects{');
});
