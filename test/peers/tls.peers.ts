// OpenSSL's command line on both sides: versions, ciphers, ALPN, resumption, staples, client certificates; what must fail, fails.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { DownstreamTlsConfig } from '#proxy/config/tls';
import { TestAuthority } from '../certificates.ts';
import { closer, cluster, deadPort, forward, httpConfig, httpListener, route, routeTable, TestProxy } from '../proxy/fixture.ts';
import { certificateOf, clientTls, trusting } from '../proxy/tls-fixture.ts';
import { type Credentials, type Entrance, issueCredentials, openDoor, tlsOf } from './door.ts';
import { type Origin, small, startOrigin } from './origin.ts';
import { missing, Running, run } from './program.ts';

const opened = closer();
let credentials: Credentials;
let origin: Origin;
const absent = missing(['openssl']);

beforeAll(async () => {
  credentials = opened.add(await issueCredentials());
  origin = opened.add(await startOrigin('http1'));
  const stranger = await (await TestAuthority.create('stranger')).issue({ commonName: 'stranger' });
  writeFileSync(join(credentials.directory, 'stranger.pem'), stranger.certificate);
  writeFileSync(join(credentials.directory, 'stranger.key'), stranger.key);
});
afterAll(() => opened.closeAll());

interface Handshake {
  name: string;
  args: readonly string[];
  entrance?: Entrance;
  tls?: Partial<DownstreamTlsConfig>;
  /** What openssl prints, or the answer; `refused`: no answer comes. */
  shows: RegExp | 'refused';
}

const answered = /HTTP\/1\.1 200 OK/;
const certified = (name: string) => ['-cert', `DIR/${name}.pem`, '-key', `DIR/${name}.key`];

const handshakes: readonly Handshake[] = [
  { name: '-tls1_2', args: ['-tls1_2'], shows: /Protocol *: TLSv1\.2/ },
  { name: '-tls1_3', args: ['-tls1_3'], shows: /TLSv1\.3, Cipher is/ },
  { name: '-tls1_1', args: ['-tls1_1', '-cipher', 'ALL:@SECLEVEL=0'], shows: 'refused' },
  { name: '-tls1_2 where 1.3 is the least', args: ['-tls1_2'], tls: { versionMin: 'TLSv1.3' }, shows: 'refused' },
  { name: '-alpn http/1.1', args: ['-alpn', 'http/1.1'], shows: /ALPN protocol: http\/1\.1/ },
  { name: '-alpn h2,http/1.1 (the server prefers h2)', args: ['-alpn', 'http/1.1,h2'], shows: /ALPN protocol: h2/ },
  { name: '-cipher CHACHA20', args: ['-tls1_2', '-cipher', 'ECDHE-ECDSA-CHACHA20-POLY1305'], shows: answered },
  { name: '-cipher AES128-SHA, without forward secrecy', args: ['-tls1_2', '-cipher', 'AES128-SHA'], shows: 'refused' },
  { name: '-groups P-384', args: ['-groups', 'P-384'], shows: /Server Temp Key: ECDH, (?:P-384|secp384r1)/ },
  { name: '-groups X25519', args: ['-groups', 'X25519'], shows: /Server Temp Key: X25519/ },
  { name: '-status', args: ['-status'], shows: /OCSP response: no response sent/ },
  { name: '-max_send_frag 512', args: ['-max_send_frag', '512'], shows: answered },
  { name: '-cert', args: certified('client'), entrance: 'mtls', shows: answered },
  { name: '-cert, TLS 1.2', args: ['-tls1_2', ...certified('client')], entrance: 'mtls', shows: answered },
  { name: 'without -cert', args: [], entrance: 'mtls', shows: 'refused' },
  { name: '-cert of a stranger', args: certified('stranger'), entrance: 'mtls', shows: 'refused' },
];

describe('TLS, s_client', () => {
  for (const { name, args, entrance = 'tls', tls, shows } of handshakes) {
    test(`openssl ${name} -> node:http`, async ({ skip }) => {
      if (absent !== undefined) skip(absent);
      const { port } = opened.add(await openSecured(entrance, tls));
      const told = await ask(port, args);
      if (shows === 'refused') expect(told).not.toMatch(answered);
      else expect(told).toMatch(shows);
      // openssl cannot speak HTTP/2.
      if (shows !== 'refused' && !told.includes('ALPN protocol: h2')) expect(told).toContain(small.trim());
    });
  }

  for (const version of ['-tls1_2', '-tls1_3']) {
    test(`openssl ${version} -sess_in -> node:http`, async ({ skip }) => {
      if (absent !== undefined) skip(absent);
      const { port } = opened.add(await openSecured('tls'));
      const session = join(credentials.directory, `session${version}`);
      expect(await ask(port, [version, '-sess_out', session])).toMatch(/^New, /m);
      expect(await ask(port, [version, '-sess_in', session])).toMatch(/^Reused, /m);
    });
  }
});

describe('TLS, s_server', () => {
  const servers: readonly { name: string; args: readonly string[]; shows: RegExp }[] = [
    { name: '-tls1_2', args: ['-tls1_2'], shows: /HTTP\/1\.1 200/i },
    { name: '-tls1_3', args: ['-tls1_3'], shows: /HTTP\/1\.1 200/i },
    { name: '-Verify', args: ['-Verify', '1', '-verify_return_error', '-CAfile', 'DIR/ca.pem'], shows: /HTTP\/1\.1 200/i },
    { name: '-tls1_1', args: ['-tls1_1', '-cipher', 'ALL:@SECLEVEL=0'], shows: /^HTTP\/1\.1 503/ },
  ];
  for (const { name, args, shows } of servers) {
    test(`curl -> openssl ${name}`, async ({ skip }) => {
      const whyNot = missing(['openssl', 'curl']);
      if (whyNot !== undefined) skip(whyNot);
      const { directory, authority, client } = credentials;
      const port = await deadPort();
      const own = ['-accept', `127.0.0.1:${port}`, '-cert', `${directory}/server.pem`, '-key', `${directory}/server.key`, '-www'];
      opened.add(await Running.start('openssl', ['s_server', ...own, ...inPlace(args)], port));
      const tls = clientTls({ certificates: [certificateOf(client)], validation: trusting(authority) });
      const door = opened.add(await openDoor('plain', credentials, { port, protocol: 'http1', tls }));
      const { stdout } = await run('curl', ['-sS', '-i', '--max-time', '20', `http://127.0.0.1:${door.port}/`]);
      expect(stdout.toString()).toMatch(shows);
    });
  }
});

const inPlace = (args: readonly string[]) => args.map((arg) => arg.replace('DIR', credentials.directory));

async function openSecured(entrance: Entrance, changes: Partial<DownstreamTlsConfig> = {}) {
  const proxy = new TestProxy();
  proxy.runtime.clusters.set(cluster('origin', [origin.port]));
  const listener = httpListener(httpConfig(routeTable({ '*': route(forward('origin')) })));
  const tls = { ...tlsOf(entrance, credentials)!, ...changes };
  const port = await proxy.listen({ ...listener, filterChains: listener.filterChains.map((chain) => ({ ...chain, tls })) });
  return { port, close: () => proxy.close() };
}

/** Everything that openssl says, with the answer to a request. */
async function ask(port: number, args: readonly string[]): Promise<string> {
  const trust = ['-CAfile', join(credentials.directory, 'ca.pem'), '-verify_return_error', '-servername', 'bookinfo.test', '-ign_eof'];
  const request = 'GET /small HTTP/1.1\r\nhost: bookinfo.test\r\nconnection: close\r\n\r\n';
  const { stdout, stderr } = await run('openssl', ['s_client', '-connect', `127.0.0.1:${port}`, ...trust, ...inPlace(args)], request);
  return stdout.toString() + stderr;
}
