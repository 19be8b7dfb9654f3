// Configurations of nginx and haproxy, as proxies and as the backend: kept connections, a request id, x-forwarded-for; one worker, no logs.
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Program } from './processes.ts';

/** `pem`: certificate and key in one file, which is its own authority. */
export interface Files {
  directory: string;
  pem: string;
}

export const bodyBytes = { '/1k': 1024, '/64k': 65_536, '/1m': 1_048_576 };

/** Answers on three ports: HTTP/1, HTTP/2 in the clear, HTTP/2 over TLS with client certificates. */
export function nginxBackend(files: Files, ports: { http1: number; h2c: number; mtls: number }): Program {
  const { directory, pem } = files;
  for (const [path, bytes] of Object.entries(bodyBytes)) writeFileSync(join(directory, path), 'x'.repeat(bytes));
  const small = `location / { default_type text/plain; return 200 '${'x'.repeat(bodyBytes['/1k'])}'; }`;
  const large = `location = /64k { root ${directory}; } location = /1m { root ${directory}; } sendfile on; open_file_cache max=10;`;
  const tls = `ssl_certificate ${pem}; ssl_certificate_key ${pem}; ssl_client_certificate ${pem}; ssl_verify_client on;`;
  const server = (listen: string, more: string) => `server { listen 127.0.0.1:${listen} backlog=4096; ${more} ${small} }`;
  const servers = [server(`${ports.http1}`, large), server(`${ports.h2c} http2`, ''), server(`${ports.mtls} ssl http2`, tls)];
  return nginx(files, 'nginx-backend', ports.http1, servers.join('\n'));
}

export interface Front {
  port: number;
  to: number;
  /** What the clients speak, and what the upstream. */
  in: 'plain' | 'tls' | 'mtls';
  out: 'plain' | 'mtls';
}

export function nginxProxy(files: Files, name: string, front: Front): Program {
  const { pem } = files;
  const secure = front.out === 'mtls';
  const out = secure
    ? `proxy_ssl_certificate ${pem}; proxy_ssl_certificate_key ${pem}; proxy_ssl_trusted_certificate ${pem}; proxy_ssl_verify on;
       proxy_ssl_name bench.test; proxy_ssl_server_name on;`
    : '';
  const verify = front.in === 'mtls' ? `ssl_client_certificate ${pem}; ssl_verify_client on;` : '';
  const tls = front.in === 'plain' ? '' : `ssl_certificate ${pem}; ssl_certificate_key ${pem}; ssl_session_cache shared:a:1m; ${verify}`;
  const location = `proxy_pass ${secure ? 'https' : 'http'}://backend; proxy_http_version 1.1; proxy_set_header Connection ""; proxy_set_header Host $host;
    proxy_set_header X-Request-Id $request_id; proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for; ${out}`;
  const upstream = `upstream backend { server 127.0.0.1:${front.to}; keepalive 256; keepalive_requests 100000000; }`;
  const listen = `${front.port} ${front.in === 'plain' ? '' : 'ssl'} backlog=4096`;
  return nginx(files, name, front.port, `${upstream}\nserver { listen 127.0.0.1:${listen}; ${tls} location / { ${location} } }`);
}

function nginx({ directory }: Files, name: string, port: number, http: string): Program {
  const own = join(directory, name);
  mkdirSync(own, { recursive: true });
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map((kind) => `${kind}_temp_path ${own}/${kind};`).join(' ');
  const text = `user root; worker_processes 1; daemon off; pid ${own}/pid; error_log ${own}/error.log;
events { worker_connections 16384; }
http { access_log off; tcp_nodelay on; keepalive_requests 100000000; keepalive_timeout 3600s; ${temporary}
${http} }
`;
  const file = join(own, 'nginx.conf');
  writeFileSync(file, text);
  return { port, command: ['nginx', '-p', own, '-c', file] };
}

/** `bind` and `server`: what follows the addresses of the only frontend and the only server. */
export function haproxy({ directory }: Files, name: string, port: number, to: number, bind = '', server = ''): Program {
  const file = join(directory, `${name}.cfg`);
  writeFileSync(
    file,
    `global
  nbthread 1
  maxconn 9000
  tune.ssl.default-dh-param 2048
defaults
  mode http
  timeout connect 5s
  timeout client 3600s
  timeout server 3600s
  option forwardfor
  http-reuse always
frontend front
  bind 127.0.0.1:${port} ${bind}
  unique-id-format %{+X}o%ci:%cp_%fi:%fp_%Ts_%rt:%pid
  unique-id-header X-Request-Id
  default_backend back
backend back
  server one 127.0.0.1:${to} ${server}
`,
  );
  return { port, command: ['haproxy', '-db', '-f', file] };
}
