// Lateen's proxy as the pairs meet it: one listener in front of one backend.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ClusterConfig } from '#proxy/config/cluster';
import type { ListenerConfig } from '#proxy/config/listener';
import type { DownstreamTlsConfig } from '#proxy/config/tls';
import { type IssuedCertificate, TestAuthority } from '../certificates.ts';
import { cluster, forward, httpConfig, httpListener, route, routeTable, TestProxy, tcpListener } from '../proxy/fixture.ts';
import { serverTls, trusting } from '../proxy/tls-fixture.ts';

/** Certificates of one run, in memory and as files for programs. */
export interface Credentials {
  authority: TestAuthority;
  server: IssuedCertificate;
  client: IssuedCertificate;
  /** `ca.pem`, `server.pem`, `server.key`, `client.pem`, `client.key`, and `server-both.pem` with chain and key. */
  directory: string;
  close(): void;
}

export async function issueCredentials(): Promise<Credentials> {
  const authority = await TestAuthority.create();
  const server = await authority.issue({ commonName: 'server', dnsNames: ['bookinfo.test', 'localhost'] });
  const client = await authority.issue({ commonName: 'client', uriNames: ['spiffe://cluster.local/ns/default/sa/peer'] });
  const directory = mkdtempSync(join(tmpdir(), 'lateen-peers-'));
  const write = (name: string, text: string) => writeFileSync(join(directory, name), text);
  write('ca.pem', authority.certificate);
  for (const [name, { certificate, key }] of Object.entries({ server, client })) {
    write(`${name}.pem`, certificate);
    write(`${name}.key`, key);
    write(`${name}-both.pem`, `${certificate}\n${key}\n`);
  }
  return { authority, server, client, directory, close: () => rmSync(directory, { recursive: true, force: true }) };
}

/** How clients come in. */
export type Entrance = 'plain' | 'tls' | 'mtls' | 'proxy-protocol';

/** The TLS of an entrance; `plain` and `proxy-protocol` have none. */
export function tlsOf(entrance: Entrance, { authority, server }: Credentials): DownstreamTlsConfig | undefined {
  const changes = { applicationProtocols: ['h2', 'http/1.1'] };
  if (entrance === 'tls') return serverTls(server, changes);
  if (entrance === 'mtls') return serverTls(server, { ...changes, requireClientCertificate: true, validation: trusting(authority) });
  return undefined;
}

export interface Door {
  proxy: TestProxy;
  port: number;
  close(): Promise<void>;
}

/** HTTP through the proxy to `backend`, whatever the protocols. */
export function openDoor(entrance: Entrance, credentials: Credentials, backend: Partial<ClusterConfig> & { port: number }): Promise<Door> {
  const upgradeTypes = new Set(['websocket']);
  const routes = routeTable({ '*': route(forward('backend', { upgradeTypes })) });
  return open(httpListener(httpConfig(routes, { acceptHttp10: true })), entrance, credentials, backend);
}

/** Bytes through the proxy. */
export function openTcpDoor(
  entrance: Entrance,
  credentials: Credentials,
  backend: Partial<ClusterConfig> & { port: number },
): Promise<Door> {
  return open(tcpListener({ clusters: [{ name: 'backend', weight: 1 }] }), entrance, credentials, backend);
}

async function open(
  listener: ListenerConfig,
  entrance: Entrance,
  credentials: Credentials,
  { port: backendPort, ...changes }: Partial<ClusterConfig> & { port: number },
): Promise<Door> {
  const proxy = new TestProxy();
  // A hundred handshakes at once take their time on a machine that has other things to do.
  proxy.runtime.clusters.set(cluster('backend', [backendPort], { connectTimeoutMs: 10_000, ...changes }));
  const tls = tlsOf(entrance, credentials);
  const port = await proxy.listen({
    ...listener,
    filterChains: listener.filterChains.map((chain) => ({ ...chain, tls })),
    proxyProtocol: entrance === 'proxy-protocol' ? { optional: false, disallowed: [] } : undefined,
  });
  return { proxy, port, close: () => proxy.close() };
}
