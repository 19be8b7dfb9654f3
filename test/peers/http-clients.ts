// The HTTP clients before the proxy, one row each: a program that asks, or a gateway that asks for somebody.
import { writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { join } from 'node:path';
import type { Credentials, Entrance } from './door.ts';
import { startHaproxy, startNginx } from './gateways.ts';
import { run } from './program.ts';

export interface Asked {
  method: 'GET' | 'POST' | 'HEAD';
  path: string;
  body?: Buffer;
}

export interface Answered {
  /** 0: the program does not tell. */
  status: number;
  body: Buffer;
}

export interface HttpClient {
  name: string;
  needs: readonly string[];
  entrance: Entrance;
  /** Puts itself before the port; `ask` may be called many times. */
  start(port: number, credentials: Credentials): Promise<{ ask(asked: Asked): Promise<Answered>; close(): Promise<void> }>;
}

export const httpClients: readonly HttpClient[] = [
  curl('curl --http1.0', 'plain', ['--http1.0']),
  curl('curl --http1.1', 'plain', ['--http1.1']),
  curl('curl --http1.1, chunked uploads', 'plain', ['--http1.1'], ['-H', 'Transfer-Encoding: chunked', '-H', 'Expect: 100-continue']),
  curl('curl --http2', 'plain', ['--http2']),
  curl('curl --http2-prior-knowledge', 'plain', ['--http2-prior-knowledge']),
  curl('curl --http1.1, TLS', 'tls', ['--http1.1']),
  curl('curl --http2, TLS', 'tls', ['--http2']),
  curl('curl --http2, TLS 1.2', 'tls', ['--http2', '--tls-max', '1.2']),
  curl('curl --http2, mTLS', 'mtls', ['--http2']),
  curl('curl --haproxy-protocol', 'proxy-protocol', ['--http1.1', '--haproxy-protocol']),
  nghttp('nghttp', 'plain', []),
  nghttp('nghttp --upgrade', 'plain', ['--upgrade']),
  nghttp('nghttp, TLS', 'tls', []),
  nghttp('nghttp, padded, small windows', 'plain', ['--padding=16', '--window-bits=10', '--connection-window-bits=12']),
  gateway('nginx, HTTP/1.0', 'nginx', 'plain', ({ directory }, port) => startNginx(directory, '', `proxy_pass http://127.0.0.1:${port};`)),
  gateway('nginx, HTTP/1.1', 'nginx', 'plain', ({ directory }, port) =>
    startNginx(directory, '', `proxy_pass http://127.0.0.1:${port}; proxy_http_version 1.1; proxy_set_header Connection "";`),
  ),
  gateway('nginx, unbuffered uploads', 'nginx', 'plain', ({ directory }, port) =>
    startNginx(
      directory,
      '',
      `proxy_pass http://127.0.0.1:${port}; proxy_http_version 1.1; proxy_request_buffering off; proxy_buffering off;`,
    ),
  ),
  gateway('nginx, mTLS', 'nginx', 'mtls', ({ directory }, port) =>
    startNginx(
      directory,
      '',
      `proxy_pass https://127.0.0.1:${port}; proxy_http_version 1.1; proxy_ssl_certificate ${directory}/client.pem;
       proxy_ssl_certificate_key ${directory}/client.key; proxy_ssl_trusted_certificate ${directory}/ca.pem; proxy_ssl_verify on;
       proxy_ssl_name bookinfo.test; proxy_ssl_server_name on;`,
    ),
  ),
  gateway('haproxy, HTTP/1.1', 'haproxy', 'plain', ({ directory }, to) => startHaproxy(directory, { to })),
  gateway('haproxy, h2c', 'haproxy', 'plain', ({ directory }, to) => startHaproxy(directory, { to, server: 'proto h2' })),
  gateway('haproxy, PROXY v1', 'haproxy', 'proxy-protocol', ({ directory }, to) => startHaproxy(directory, { to, server: 'send-proxy' })),
  gateway('haproxy, PROXY v2', 'haproxy', 'proxy-protocol', ({ directory }, to) =>
    startHaproxy(directory, { to, server: 'send-proxy-v2' }),
  ),
  gateway('haproxy, mTLS h2', 'haproxy', 'mtls', ({ directory }, to) =>
    startHaproxy(directory, {
      to,
      server: `ssl crt ${directory}/client-both.pem ca-file ${directory}/ca.pem verify required sni str(bookinfo.test) alpn h2`,
    }),
  ),
];

function curl(name: string, entrance: Entrance, args: readonly string[], uploading: readonly string[] = []): HttpClient {
  const secure = entrance === 'tls' || entrance === 'mtls';
  return {
    name,
    needs: ['curl'],
    entrance,
    start: async (port, { directory }) => {
      const trust = secure ? ['--cacert', `${directory}/ca.pem`, '--connect-to', `bookinfo.test:${port}:127.0.0.1:${port}`] : [];
      const own = entrance === 'mtls' ? ['--cert', `${directory}/client.pem`, '--key', `${directory}/client.key`] : [];
      const origin = secure ? `https://bookinfo.test:${port}` : `http://127.0.0.1:${port}`;
      const ask = async ({ method, path, body }: Asked): Promise<Answered> => {
        const kind = method === 'HEAD' ? ['--head', '-o', '/dev/null'] : method === 'POST' ? ['--data-binary', '@-', ...uploading] : [];
        const told = ['-w', '%{stderr}%{http_code}', `${origin}${path}`];
        const { code, stdout, stderr } = await run('curl', ['-sS', '--max-time', '20', ...args, ...trust, ...own, ...kind, ...told], body);
        if (code !== 0) throw new Error(`curl ended with ${code}: ${stderr}`);
        return { status: Number(stderr.slice(-3)), body: stdout };
      };
      return { ask, close: () => Promise.resolve() };
    },
  };
}

function nghttp(name: string, entrance: 'plain' | 'tls', args: readonly string[]): HttpClient {
  return {
    name,
    needs: ['nghttp'],
    entrance,
    start: async (port, { directory }) => {
      const upload = join(directory, `upload-${port}`);
      const origin = `${entrance === 'tls' ? 'https' : 'http'}://127.0.0.1:${port}`;
      const ask = async ({ method, path, body }: Asked): Promise<Answered> => {
        const kind = method === 'HEAD' ? ['-H', ':method: HEAD'] : body === undefined ? [] : ['-d', upload];
        if (body !== undefined) writeFileSync(upload, body);
        const { code, stdout, stderr } = await run('nghttp', ['-t', '20', ...args, ...kind, `${origin}${path}`]);
        if (code !== 0 || stderr.includes('ERROR')) throw new Error(`nghttp ended with ${code}: ${stderr}`);
        return { status: 0, body: stdout };
      };
      return { ask, close: () => Promise.resolve() };
    },
  };
}

type StartGateway = (credentials: Credentials, port: number) => Promise<{ port: number; close(): Promise<void> }>;

function gateway(name: string, program: string, entrance: Entrance, start: StartGateway): HttpClient {
  return {
    name,
    needs: [program],
    entrance,
    start: async (port, credentials) => {
      const { port: before, close } = await start(credentials, port);
      return { ask: (asked) => askByNode(before, asked), close };
    },
  };
}

function askByNode(port: number, { method, path, body }: Asked): Promise<Answered> {
  return new Promise((resolve, reject) => {
    const headers = body === undefined ? {} : { 'content-length': body.length };
    const asking = request({ host: '127.0.0.1', port, method, path, headers, agent: false }, (response) => {
      const parts: Buffer[] = [];
      response.on('data', (part: Buffer) => parts.push(part));
      response.on('error', reject);
      response.on('end', () => resolve({ status: response.statusCode ?? 0, body: Buffer.concat(parts) }));
    });
    asking.on('error', reject);
    asking.end(body);
  });
}
