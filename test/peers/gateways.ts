// nginx and haproxy, in front of the proxy or behind it: each listens in one protocol and passes on in one.
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { deadPort } from '../proxy/fixture.ts';
import { Running } from './program.ts';

export interface Gateway {
  port: number;
  close(): Promise<void>;
}

/** nginx: `listen` is what follows the address (`ssl http2`), `pass` the directives of its only location. */
export async function startNginx(directory: string, listen: string, pass: string): Promise<Gateway> {
  const port = await deadPort();
  const own = join(directory, `nginx-${port}`);
  mkdirSync(own, { recursive: true });
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map((kind) => `${kind}_temp_path ${own}/${kind};`).join(' ');
  const certificate = listen.includes('ssl') ? `ssl_certificate ${directory}/server.pem; ssl_certificate_key ${directory}/server.key;` : '';
  writeFileSync(
    join(own, 'nginx.conf'),
    `user root; worker_processes 1; daemon off; pid ${own}/pid; error_log stderr;
events { worker_connections 2048; }
http { access_log off; ${temporary} client_max_body_size 8m;
  server { listen 127.0.0.1:${port} ${listen}; ${certificate} location / { ${pass} } } }
`,
  );
  const running = await Running.start('nginx', ['-p', own, '-c', join(own, 'nginx.conf')], port);
  return { port, close: () => running.close() };
}

/** haproxy: `bind` and `server` are what follows the addresses of its only frontend and its only server. */
export async function startHaproxy(
  directory: string,
  { bind = '', server = '', to, mode = 'http' }: { bind?: string; server?: string; to: number; mode?: 'http' | 'tcp' },
): Promise<Gateway> {
  const port = await deadPort();
  const file = join(directory, `haproxy-${port}.cfg`);
  writeFileSync(
    file,
    `global
  maxconn 2048
defaults
  mode ${mode}
  timeout connect 5s
  timeout client 60s
  timeout server 60s
frontend front
  bind 127.0.0.1:${port} ${bind}
  default_backend back
backend back
  server one 127.0.0.1:${to} ${server}
`,
  );
  const running = await Running.start('haproxy', ['-db', '-f', file], port);
  return { port, close: () => running.close() };
}
