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

/** Where things are: `directory` for configuration files and whatever a peer writes, `programs` for those of this folder, built. */
export interface Places {
  directory: string;
  programs: URL;
  /** Free ones of 127.0.0.1: the backend's, then one for each peer. */
  ports: readonly number[];
}

export const peerCount = 6;

export function peers({ directory, programs, ports: [backendPort = 0, ...ports] }: Places): Peer[] {
  const [a = 0, b = 0, c = 0, d = 0, e = 0, f = 0] = ports;
  const script = (name: string, port: number) => program(programs, name, port, backendPort);
  const nginx = ['nginx', '-p', directory, '-c', nginxProxy(directory, c, backendPort)];
  return [
    { name: 'lateen', what: "Lateen's data path", port: a, command: script('lateen-proxy', a) },
    { name: 'l4-pipe', what: 'Node, bytes only', port: b, command: script('l4-pipe', b) },
    { name: 'nginx', what: 'C', port: c, needs: 'nginx', command: nginx },
    { name: 'haproxy', what: 'C', port: d, needs: 'haproxy', command: ['haproxy', '-db', '-f', haproxy(directory, d, backendPort)] },
    { name: 'node:http', what: 'Node', port: e, command: script('node-http-proxy', e) },
    { name: 'http-proxy', what: 'npm', port: f, command: script('http-proxy-peer', f) },
  ];
}

/** nginx answers from memory; without it a small Node server does, which then may be what limits the fast ones. */
export function backend({ directory, programs, ports: [port = 0] }: Places): Peer {
  if (!installed('nginx')) return { name: 'node backend', what: 'Node', port, command: program(programs, 'backend', port, 0) };
  return { name: 'nginx backend', what: 'C', port, command: ['nginx', '-p', directory, '-c', nginxBackend(directory, port)] };
}

export function installed(program: string): boolean {
  return spawnSync('which', [program]).status === 0;
}

function program(programs: URL, name: string, port: number, backendPort: number): string[] {
  return [process.execPath, fileURLToPath(new URL(`./${name}.js`, programs)), String(port), String(backendPort)];
}

export const bodyBytes = 1024;

function nginxBackend(directory: string, port: number): string {
  const server = `server { listen 127.0.0.1:${port} backlog=4096; location / { default_type text/plain; return 200 '${'x'.repeat(bodyBytes)}'; } }`;
  return nginxFile(directory, 'nginx-backend', server);
}

/** Keep-alive upstream, a request id, x-forwarded-for: the least of what a mesh's proxy does. */
function nginxProxy(directory: string, port: number, backendPort: number): string {
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

function haproxy(directory: string, port: number, backendPort: number): string {
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
