// The proxies that are measured side by side, and the backend behind them: how each is started, and how one knows that it cannot be.
import { spawnSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

export interface Peer {
  name: string;
  /** What it is, for the table. */
  what: string;
  port: number;
  command: readonly string[];
  /** The program that must be there. */
  needs?: string;
}

const backendPort = 19_000;

/** Where things are: `directory` for configuration files and whatever a peer writes, `programs` for those of this folder, built. */
export interface Places {
  directory: string;
  programs: URL;
}

/** Every peer on its own port of 127.0.0.1. */
export function peers({ directory, programs }: Places): Peer[] {
  const script = (name: string, port: number) => program(programs, name, port);
  return [
    { name: 'lateen', what: "Lateen's data path", port: 19_101, command: script('lateen-proxy', 19_101) },
    { name: 'l4-pipe', what: 'Node, bytes only', port: 19_102, command: script('l4-pipe', 19_102) },
    { name: 'nginx', what: 'C', port: 19_103, needs: 'nginx', command: ['nginx', '-p', directory, '-c', nginxProxy(directory, 19_103)] },
    { name: 'haproxy', what: 'C', port: 19_104, needs: 'haproxy', command: ['haproxy', '-db', '-f', haproxy(directory, 19_104)] },
    { name: 'node:http', what: 'Node', port: 19_105, command: script('node-http-proxy', 19_105) },
    { name: 'http-proxy', what: 'npm', port: 19_106, command: script('http-proxy-peer', 19_106) },
  ];
}

/** nginx answers from memory; without it a small Node server does, which then may be what limits the fast ones. */
export function backend({ directory, programs }: Places): Peer {
  const port = backendPort;
  if (!installed('nginx')) return { name: 'node backend', what: 'Node', port, command: program(programs, 'backend', port) };
  return { name: 'nginx backend', what: 'C', port, command: ['nginx', '-p', directory, '-c', nginxBackend(directory, port)] };
}

export function installed(program: string): boolean {
  return spawnSync('which', [program]).status === 0;
}

function program(programs: URL, name: string, port: number): string[] {
  return [process.execPath, fileURLToPath(new URL(`./${name}.js`, programs)), String(port), String(backendPort)];
}

export const bodyBytes = 1024;

function nginxBackend(directory: string, port: number): string {
  const server = `server { listen 127.0.0.1:${port} backlog=4096; location / { default_type text/plain; return 200 '${'x'.repeat(bodyBytes)}'; } }`;
  return nginxFile(directory, 'nginx-backend', server);
}

/** Keep-alive upstream, a request id, x-forwarded-for: the least of what a mesh's proxy does. */
function nginxProxy(directory: string, port: number): string {
  const location = `proxy_pass http://backend; proxy_http_version 1.1; proxy_set_header Connection ""; proxy_set_header Host $host;
    proxy_set_header X-Request-Id $request_id; proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;`;
  const upstream = `upstream backend { server 127.0.0.1:${backendPort}; keepalive 256; keepalive_requests 100000000; }`;
  return nginxFile(directory, 'nginx-proxy', `${upstream}\nserver { listen 127.0.0.1:${port} backlog=4096; location / { ${location} } }`);
}

function nginxFile(directory: string, name: string, http: string): string {
  mkdirSync(join(directory, name), { recursive: true });
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map((kind) => `${kind}_temp_path ${name}/${kind};`).join(' ');
  return write(
    directory,
    `${name}.conf`,
    `worker_processes 1; daemon off; pid ${name}/pid; error_log ${name}/error.log;
events { worker_connections 8192; }
http { access_log off; tcp_nodelay on; keepalive_requests 100000000; keepalive_timeout 3600s; ${temporary}
${http} }
`,
  );
}

function haproxy(directory: string, port: number): string {
  return write(
    directory,
    'haproxy.cfg',
    `global
  nbthread 1
  maxconn 9000
defaults
  mode http
  timeout connect 5s
  timeout client 3600s
  timeout server 3600s
  option forwardfor
  http-reuse always
frontend front
  bind 127.0.0.1:${port}
  unique-id-format %{+X}o%ci:%cp_%fi:%fp_%Ts_%rt:%pid
  unique-id-header X-Request-Id
  default_backend back
backend back
  server one 127.0.0.1:${backendPort}
`,
  );
}

function write(directory: string, name: string, text: string): string {
  const path = join(directory, name);
  writeFileSync(path, text);
  return path;
}
