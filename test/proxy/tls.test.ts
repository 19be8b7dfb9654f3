import { once } from 'node:events';
import { connect as connectHttp2 } from 'node:http2';
import { connect as connectTcp } from 'node:net';
import { type ConnectionOptions, connect, createServer, type Server, type TLSSocket, type TlsOptions } from 'node:tls';
import { afterEach, beforeAll, describe, expect, test } from 'vitest';
import type { ListenerConfig } from '#proxy/config/listener';
import type { DownstreamTlsConfig, TlsValidation, UpstreamTlsConfig } from '#proxy/config/tls';
import { exactly } from '#proxy/route/string-matcher';
import { type IssuedCertificate, TestAuthority } from '../certificates.ts';
import { until } from '../integration/until.ts';
import {
  Client,
  closer,
  cluster,
  forward,
  httpConfig,
  httpListener,
  httpPeer,
  matchAnything,
  ok,
  Peer,
  route,
  routeTable,
  TestProxy,
  tcpListener,
} from './fixture.ts';
import { answerOf } from './http2-peers.ts';
import { certificateOf, clientTls, inline, serverTls, trusting } from './tls-fixture.ts';

const open = closer();
afterEach(() => open.closeAll());

let authority: TestAuthority;
let server: IssuedCertificate;
let client: IssuedCertificate;

beforeAll(async () => {
  authority = await TestAuthority.create();
  server = await authority.issue({ commonName: 'server', dnsNames: ['bookinfo.test', '*.wild.test'] });
  client = await authority.issue({ commonName: 'client', uriNames: ['spiffe://cluster.local/ns/default/sa/jason'] });
});

const trusted = (changes: Partial<TlsValidation> = {}) => trusting(authority, changes);
const serving = (changes: Partial<DownstreamTlsConfig> = {}) => serverTls(server, changes);

type Secured = TLSSocket & { close(): void };

function dial(port: number, options: ConnectionOptions = {}): Secured {
  const socket = connect({ host: '127.0.0.1', port, ca: authority.certificate, servername: 'bookinfo.test', ...options });
  return open.add(Object.assign(socket, { close: () => void socket.destroy() }));
}

async function secured(port: number, options: ConnectionOptions = {}): Promise<Secured> {
  const socket = dial(port, options);
  await once(socket, 'secureConnect');
  return socket;
}

/** Resolves to the whole answer; rejects with the reason of a handshake that failed. */
async function ask(port: number, options: ConnectionOptions = {}, headers = ''): Promise<string> {
  const socket = dial(port, options);
  let text = '';
  socket.on('data', (data: Buffer) => (text += data.toString('latin1')));
  socket.write(`GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n${headers}\r\n`);
  await once(socket, 'close');
  return text;
}

describe('the server side', () => {
  async function secureProxy(tls: DownstreamTlsConfig, changes: Parameters<typeof httpConfig>[1] = {}) {
    const upstream = open.add(await httpPeer(ok('served')));
    const proxy = open.add(new TestProxy());
    proxy.runtime.clusters.set(cluster('a', [upstream.port]));
    const http = httpConfig(routeTable({ '*': route(forward('a')) }), { useRemoteAddress: true, ...changes });
    const listener = httpListener(http);
    const port = await proxy.listen({ ...listener, filterChains: listener.filterChains.map((chain) => ({ ...chain, tls })) });
    return { proxy, upstream, port };
  }

  test('ends TLS, and says https to the upstream', async () => {
    const { port, upstream } = await secureProxy(serving());
    expect(await ask(port)).toMatch(/^HTTP\/1.1 200 OK.*served$/s);
    expect(upstream.requests[0]).toContain('x-forwarded-proto: https');
  });

  test('more than one write can be under way, in HTTP/1.1 and in HTTP/2', async () => {
    const large = 'x'.repeat(1_000_000);
    const upstream = open.add(await httpPeer(ok(large)));
    const proxy = open.add(new TestProxy());
    proxy.runtime.clusters.set(cluster('a', [upstream.port]));
    const listener = httpListener(httpConfig(routeTable({ '*': route(forward('a')) })));
    const tls = serving({ applicationProtocols: ['h2', 'http/1.1'] });
    const port = await proxy.listen({ ...listener, filterChains: listener.filterChains.map((chain) => ({ ...chain, tls })) });
    expect((await ask(port)).endsWith(large)).toBe(true);
    const session = open.add(connectHttp2(`https://127.0.0.1:${port}`, { ca: authority.certificate, servername: 'bookinfo.test' }));
    const answers = [1, 2, 3].map(() => answerOf(session.request({ ':path': '/' })));
    for (const { body } of await Promise.all(answers)) expect(body).toBe(large);
  });

  test.each([
    { offered: ['http/1.1', 'h2'], taken: 'h2' },
    { offered: ['istio-peer-exchange', 'istio'], taken: 'istio-peer-exchange' },
  ])('of $offered it takes $taken, and serves', async ({ offered, taken }) => {
    const { port } = await secureProxy(serving({ applicationProtocols: ['h2', 'http/1.1'] }));
    expect((await secured(port, { ALPNProtocols: offered })).alpnProtocol).toBe(taken);
    expect(await ask(port, { ALPNProtocols: offered })).toMatch(/^HTTP\/1.1 200 OK/);
  });

  test('what a client’s proxy says of itself ahead of a TCP connection is kept from the upstream', async () => {
    const upstream = open.add(await Peer.listen((socket) => void socket.pipe(socket)));
    const proxy = open.add(new TestProxy());
    proxy.runtime.clusters.set(cluster('a', [upstream.port]));
    const listener = tcpListener({ clusters: [{ name: 'a', weight: 1 }] });
    const tls = serving({ applicationProtocols: ['istio-peer-exchange', 'http/1.1'] });
    const port = await proxy.listen({ ...listener, filterChains: listener.filterChains.map((chain) => ({ ...chain, tls })) });
    const socket = await secured(port, { ALPNProtocols: ['istio-peer-exchange', 'istio'] });
    const heard = once(socket, 'data');
    socket.write(Buffer.from([0x3d, 0x23, 0x04, 0x67, 0, 0]));
    socket.write(Buffer.concat([Buffer.from([0, 3]), Buffer.from('abchello')]));
    expect(String((await heard)[0])).toBe('hello');
  });

  test.each<{ what: string; tls: Partial<DownstreamTlsConfig>; version: string }>([
    { what: 'a maximum of 1.2', tls: { versionMax: 'TLSv1.2' }, version: 'TLSv1.2' },
    { what: 'a minimum of 1.3', tls: { versionMin: 'TLSv1.3' }, version: 'TLSv1.3' },
  ])('$what holds', async ({ tls, version }) => {
    const { port } = await secureProxy(serving(tls));
    expect((await secured(port)).getProtocol()).toBe(version);
  });

  test('a client below the minimum version is refused', async () => {
    const { port } = await secureProxy(serving({ versionMin: 'TLSv1.3' }));
    await expect(ask(port, { maxVersion: 'TLSv1.2' })).rejects.toThrow(/alert|version/i);
  });

  test('the ciphers that are asked for are used', async () => {
    const { port } = await secureProxy(serving({ ciphers: 'ECDHE-ECDSA-AES256-GCM-SHA384', versionMax: 'TLSv1.2' }));
    expect((await secured(port)).getCipher().name).toBe('ECDHE-ECDSA-AES256-GCM-SHA384');
  });

  test('a protocol of ours that the client offers is agreed on', async () => {
    const { port } = await secureProxy(serving({ applicationProtocols: ['istio', 'http/1.1'] }));
    expect((await secured(port, { ALPNProtocols: ['h3', 'http/1.1'] })).alpnProtocol).toBe('http/1.1');
  });

  test('a session is resumed', async () => {
    const { port } = await secureProxy(serving());
    const first = await secured(port);
    const [session] = (await once(first, 'session')) as [Buffer];
    expect((await secured(port, { session })).isSessionReused()).toBe(true);
  });

  test('a certificate that SDS has changed serves new connections, and old ones go on', async () => {
    const { proxy, port } = await secureProxy(serving({ certificates: [], certificateSecrets: ['site'] }));
    await expect(ask(port)).rejects.toThrow();
    proxy.runtime.secrets.set('site', { kind: 'certificate', certificate: certificateOf(server) });
    const before = await secured(port);
    const renewed = await authority.issue({ commonName: 'renewed', dnsNames: ['bookinfo.test'] });
    proxy.runtime.secrets.set('site', { kind: 'certificate', certificate: certificateOf(renewed) });
    const after = await secured(port);
    expect([before, after].map((socket) => socket.getPeerCertificate().subject.CN)).toEqual(['server', 'renewed']);
    before.write('GET / HTTP/1.1\r\nhost: a\r\n\r\n');
    const [answer] = (await once(before, 'data')) as [Buffer];
    expect(answer.toString()).toMatch(/^HTTP\/1.1 200/);
  });

  test('an OCSP staple is handed out', async () => {
    const staple = Buffer.from('an OCSP response');
    const certificates = [{ ...certificateOf(server), ocspStaple: { kind: 'inline', bytes: staple } as const }];
    const { port } = await secureProxy(serving({ certificates }));
    const [given] = (await once(dial(port, { requestOCSP: true } as ConnectionOptions), 'OCSPResponse')) as [Buffer];
    expect(given.equals(staple)).toBe(true);
  });

  const forwarded = { clientCertificate: { mode: 'set', subject: true, uri: true, dns: false } } as const;

  test('a client certificate that is required and given is told to the upstream', async () => {
    const { port, upstream } = await secureProxy(serving({ requireClientCertificate: true, validation: trusted() }), forwarded);
    await ask(port, { cert: client.certificate, key: client.key });
    expect(upstream.requests[0]).toMatch(
      /x-forwarded-client-cert: Hash=[0-9a-f]{64};Subject="CN=client";URI=spiffe:\/\/cluster.local\/ns\/default\/sa\/jason\r\n/,
    );
  });

  test('what a client without a certificate claims to be is taken away', async () => {
    const { port, upstream } = await secureProxy(serving({ validation: trusted() }), {
      clientCertificate: { mode: 'sanitize', subject: false, uri: false, dns: false },
    });
    await ask(port, {}, 'x-forwarded-client-cert: URI=spiffe://me\r\n');
    expect(upstream.requests).toHaveLength(1);
    expect(upstream.requests[0]).not.toContain('spiffe://me');
  });

  test.each<{ what: string; validation: () => TlsValidation; certificate: () => Promise<IssuedCertificate | undefined> }>([
    { what: 'no certificate', validation: () => trusted(), certificate: async () => undefined },
    {
      what: "a stranger's",
      validation: () => trusted(),
      certificate: async () => (await TestAuthority.create('stranger')).issue({ commonName: 'client' }),
    },
    {
      what: 'an expired one',
      validation: () => trusted(),
      certificate: () => authority.issue({ commonName: 'client', notAfter: new Date(0) }),
    },
    {
      what: 'one with another name',
      validation: () => trusted({ subjectAltNames: [{ type: 'URI', test: exactly('spiffe://cluster.local/ns/default/sa/other') }] }),
      certificate: async () => client,
    },
    { what: 'one with another hash', validation: () => trusted({ certificateHashes: ['00'] }), certificate: async () => client },
    { what: 'one with another key', validation: () => trusted({ publicKeyHashes: ['AAAA'] }), certificate: async () => client },
  ])('$what is refused', async ({ validation, certificate }) => {
    const { port, upstream } = await secureProxy(serving({ requireClientCertificate: true, validation: validation() }));
    const given = await certificate();
    const answer = await ask(port, given ? { cert: given.certificate, key: given.key } : {}).catch(() => '');
    expect(answer).toBe('');
    expect(upstream.requests).toEqual([]);
  });
});

describe('the client side', () => {
  async function throughProxy(tls: UpstreamTlsConfig, options: TlsOptions = {}) {
    const upstream = open.add(await TlsPeer.listen({ cert: server.certificate, key: server.key, ...options }));
    const proxy = open.add(new TestProxy());
    proxy.runtime.clusters.set(cluster('a', [upstream.port], { tls }));
    const port = await proxy.listen(httpListener(httpConfig(routeTable({ '*': route(forward('a')) }))));
    const asked = open.add(await Client.connect(port)).write('GET / HTTP/1.1\r\nhost: a\r\n\r\n');
    return { proxy, upstream, asked };
  }

  test('speaks TLS to the upstream, with its name and its protocols', async () => {
    const tls = clientTls({ applicationProtocols: ['http/1.1'], validation: trusted() });
    const { asked, upstream } = await throughProxy(tls, { ALPNProtocols: ['http/1.1'] });
    expect(await asked.until('secured')).toMatch(/^HTTP\/1.1 200/);
    expect(upstream.seen).toEqual([{ serverName: 'bookinfo.test', protocol: 'http/1.1', client: undefined }]);
  });

  test('shows its own certificate', async () => {
    const tls = clientTls({ certificates: [certificateOf(client)], validation: trusted() });
    const { asked, upstream } = await throughProxy(tls, { requestCert: true, ca: authority.certificate });
    await asked.until('secured');
    expect(upstream.seen[0]?.client).toBe('client');
  });

  test('a session is resumed, and the server is still who it was', async () => {
    const validation = trusted({ subjectAltNames: [{ type: 'DNS', test: exactly('bookinfo.test') }] });
    const { asked, upstream } = await throughProxy(clientTls({ validation }));
    await asked.until('secured');
    await upstream.hangUp();
    asked.write('GET / HTTP/1.1\r\nhost: a\r\n\r\n');
    await until('it has asked again', () => upstream.reused.length === 2);
    await asked.until('secured');
    expect(upstream.reused).toEqual([false, true]);
  });

  test.each<{ what: string; tls: () => Partial<UpstreamTlsConfig>; failure: string }>([
    {
      what: 'an authority that is not trusted',
      tls: () => ({ validation: trusted({ trustedCa: inline(client.certificate) }) }),
      failure: 'TLS_CERTIFICATE_VERIFY_FAILED',
    },
    {
      what: 'another name',
      tls: () => ({ validation: trusted({ subjectAltNames: [{ type: 'DNS', test: exactly('other.test') }] }) }),
      failure: 'SUBJECT_ALT_NAME_MISMATCH',
    },
    { what: 'a secret that has not come', tls: () => ({ validationSecret: 'roots' }), failure: 'TLS_SECRETS_NOT_READY' },
  ])('$what: 503 with the reason, and nothing is sent', async ({ tls, failure }) => {
    const { asked, upstream, proxy } = await throughProxy(clientTls(tls()));
    expect(await asked.until(failure)).toMatch(/^HTTP\/1.1 503/);
    expect((await proxy.logged(1))[0]?.flags).toContain('UF');
    expect(upstream.received).toBe('');
  });

  test('an endpoint gets the transport socket that its labels match', async () => {
    const secure = open.add(await TlsPeer.listen({ cert: server.certificate, key: server.key }));
    const plain = open.add(await httpPeer(ok('plain')));
    const proxy = open.add(new TestProxy());
    const config = cluster('a', [secure.port, plain.port], { tlsMatches: [{ labels: { tlsMode: 'istio' }, tls: clientTls() }] });
    const [first, second] = config.endpoints;
    proxy.runtime.clusters.set({ ...config, endpoints: [{ ...first!, transportLabels: { tlsMode: 'istio' } }, second!] });
    const port = await proxy.listen(httpListener(httpConfig(routeTable({ '*': route(forward('a')) }))));
    const asked = open.add(await Client.connect(port)).write('GET / HTTP/1.1\r\nhost: a\r\n\r\n'.repeat(2));
    await asked.until('plain');
    await asked.until('secured');
    expect(secure.seen).toHaveLength(1);
  });
});

describe('inspection', () => {
  /** TLS for `bookinfo.test` ends here, that for `*.wild.test` passes through, plain HTTP is served, the rest goes to `rest`. */
  async function frontDoor(changes: Partial<ListenerConfig> = {}): Promise<number> {
    const upstream = open.add(await httpPeer(ok('served')));
    const through = open.add(await TlsPeer.listen({ cert: server.certificate, key: server.key }));
    const rest = open.add(await Peer.listen((socket) => socket.write('hello from the rest\n')));
    const proxy = open.add(new TestProxy());
    for (const [name, peer] of Object.entries({ a: upstream, through, rest })) proxy.runtime.clusters.set(cluster(name, [peer.port]));
    const [http] = httpListener(httpConfig(routeTable({ '*': route(forward('a')) }))).filterChains;
    const tcp = (name: string) => tcpListener({ clusters: [{ name, weight: 1 }] }).filterChains[0]!;
    return proxy.listen({
      ...httpListener(httpConfig(routeTable({}))),
      inspection: () => ({ tls: true, http: true }),
      filterChains: [
        { ...http!, tls: serving(), match: { ...matchAnything, serverNames: ['bookinfo.test'], transportProtocol: 'tls' } },
        { ...tcp('through'), match: { ...matchAnything, serverNames: ['*.wild.test'], transportProtocol: 'tls' } },
        { ...http!, match: { ...matchAnything, applicationProtocols: ['http/1.1'] } },
        tcp('rest'),
      ],
      ...changes,
    });
  }

  test('TLS of a name that is served here ends here', async () => {
    expect(await ask(await frontDoor())).toContain('served');
  });

  test('TLS of another name passes through', async () => {
    expect(await ask(await frontDoor(), { servername: 'a.wild.test' })).toContain('secured');
  });

  test('plain HTTP, whole or byte by byte', async () => {
    const port = await frontDoor();
    const request = 'GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n';
    for (const pieces of [[request], [...request]]) {
      const asked = open.add(await Client.connect(port));
      for (const piece of pieces) {
        asked.write(piece);
        await new Promise(setImmediate);
      }
      await asked.until('served');
    }
  });

  test('what is neither goes to the chain without conditions', async () => {
    const asked = open.add(await Client.connect(await frontDoor())).write('\0\0binary');
    await asked.until('hello from the rest');
  });

  test('a server that speaks first is reached when its client has said nothing for long enough', async () => {
    const asked = open.add(await Client.connect(await frontDoor({ inspectionTimeoutMs: 1, continueAfterInspectionTimeout: true })));
    await asked.until('hello from the rest');
  });

  test.each(['', 'GE', '\x16\x03\x01\x02'])('a client that ends its half after %j is taken for what it said', async (said) => {
    const asked = open.add(await Client.connect(await frontDoor()));
    asked.socket.end(said, 'latin1');
    await asked.until('hello from the rest');
  });

  /** Leads to `port`; what the client says first goes through `cut`, a piece a turn of the loop. */
  async function cutting(port: number, cut: (first: Buffer) => Buffer[]): Promise<number> {
    const relay = await Peer.listen((near) => {
      const far = connectTcp({ port, host: '127.0.0.1', noDelay: true });
      far.on('error', () => near.destroy());
      near.on('close', () => far.destroy());
      near.once('data', async (first) => {
        near.pause();
        for (const piece of cut(first)) {
          far.write(piece);
          await new Promise(setImmediate);
        }
        near.pipe(far);
      });
      far.pipe(near);
    });
    return open.add(relay).port;
  }

  const pieces = (bytes: Buffer, size: number) =>
    Array.from({ length: Math.ceil(bytes.length / size) }, (_, i) => bytes.subarray(i * size, (i + 1) * size));
  /** Its handshake message in records of so many bytes. */
  const records = (bytes: Buffer, size: number) =>
    pieces(bytes.subarray(5), size).map((part) => Buffer.concat([Buffer.from([22, 3, 1, part.length >> 8, part.length & 255]), part]));

  test.each<{ what: string; cut: (first: Buffer) => Buffer[] }>([
    { what: 'byte by byte', cut: (first) => pieces(first, 1) },
    { what: 'in pieces of 100 bytes', cut: (first) => pieces(first, 100) },
    { what: 'in records of 60 bytes', cut: (first) => records(first, 60) },
    { what: 'in many records, byte by byte', cut: (first) => pieces(Buffer.concat(records(first, 60)), 1) },
  ])('a hello $what: ends here, passes through, or is met without being looked at', async ({ cut }) => {
    const looking = await cutting(await frontDoor(), cut);
    expect(await ask(looking)).toContain('served');
    expect(await ask(looking, { servername: 'a.wild.test' })).toContain('secured');
    const upstream = open.add(await httpPeer(ok('plainly served')));
    const proxy = open.add(new TestProxy());
    proxy.runtime.clusters.set(cluster('a', [upstream.port]));
    const listener = httpListener(httpConfig(routeTable({ '*': route(forward('a')) })));
    const filterChains = listener.filterChains.map((chain) => ({ ...chain, tls: serving() }));
    expect(await ask(await cutting(await proxy.listen({ ...listener, filterChains }), cut))).toContain('plainly served');
  });

  test.each(['', '\x16\x03\x01\x02\x00\x01\x00'])('a client that stops at %j is closed where nothing else is asked for', async (said) => {
    const socket = connectTcp(await frontDoor({ inspectionTimeoutMs: 1 }), '127.0.0.1');
    socket.write(said, 'latin1');
    socket.resume();
    await once(socket, 'close');
  });
});

test('TLS behind a PROXY header, from one proxy to another', async () => {
  const upstream = open.add(await Peer.listen((socket) => void socket.pipe(socket)));
  const [near, far] = [open.add(new TestProxy()), open.add(new TestProxy())];
  far.runtime.clusters.set(cluster('a', [upstream.port], { proxyProtocol: 'v1' }));
  const secure = tcpListener({ clusters: [{ name: 'a', weight: 1 }] }, { proxyProtocol: { optional: false, disallowed: [] } });
  const chains = secure.filterChains.map((chain) => ({ ...chain, tls: serving() }));
  const farPort = await far.listen({ ...secure, filterChains: chains });
  const tls = clientTls({ validation: trusted() });
  near.runtime.clusters.set(cluster('b', [farPort], { proxyProtocol: 'v2', tls }));
  const nearPort = await near.listen(tcpListener({ clusters: [{ name: 'b', weight: 1 }] }));
  const asking = open.add(await Client.connect(nearPort, { address: '127.0.0.9' }));
  expect(await asking.write('hello').until('hello')).toBe(`PROXY TCP4 127.0.0.9 127.0.0.1 ${asking.socket.localPort} ${nearPort}\r\nhello`);
  asking.text = '';
  const long = 'x'.repeat(300_000);
  expect(await asking.write(`${long};`).until(';')).toBe(`${long};`);
});

/** An upstream behind TLS that answers every request with `secured`. */
class TlsPeer {
  readonly seen: { serverName: string | false; protocol: string | false; client: unknown }[] = [];
  /** Of each connection: whether it went on with an earlier session. */
  readonly reused: boolean[] = [];
  received = '';
  private readonly sockets = new Set<TLSSocket>();
  private constructor(private readonly server: Server) {}

  static async listen(options: TlsOptions): Promise<TlsPeer> {
    const peer: TlsPeer = new TlsPeer(createServer(options, (socket) => peer.serve(socket)));
    peer.server.on('tlsClientError', () => {});
    await new Promise<void>((resolve) => peer.server.listen(0, '127.0.0.1', resolve));
    return peer;
  }

  get port(): number {
    return (this.server.address() as { port: number }).port;
  }

  /** Ends every connection; resolves when the other end has as well. */
  async hangUp(): Promise<void> {
    await Promise.all([...this.sockets].map((socket) => once(socket.end(), 'close')));
    this.sockets.clear();
  }

  async close(): Promise<void> {
    for (const socket of this.sockets) socket.destroy();
    await new Promise((resolve) => this.server.close(resolve));
  }

  private serve(socket: TLSSocket): void {
    this.sockets.add(socket);
    this.reused.push(socket.isSessionReused());
    const { servername = false } = socket as { servername?: string | false };
    this.seen.push({ serverName: servername, protocol: socket.alpnProtocol ?? false, client: socket.getPeerCertificate().subject?.CN });
    socket.on('error', () => {});
    socket.on('data', (data: Buffer) => {
      this.received += data.toString('latin1');
      if (this.received.endsWith('\r\n\r\n')) socket.write(ok('secured'));
      if (this.received.includes('connection: close')) socket.end();
    });
  }
}
