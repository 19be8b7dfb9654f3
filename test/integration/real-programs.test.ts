// Programs that nobody here wrote, as they come, in the mesh: each finds the others by name, and each call is in the access logs of both
// proxies, from the pod that made it to the pod that it was for. In network namespaces, and in those of a user namespace.
import { execFileSync } from 'node:child_process';
import { appendFileSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { Pod } from '#api/kinds/pod';
import { getJson } from '#cli/http-json';
import { below } from '#net/http-access';
import { whyNoNamespaces } from './capture-mesh.ts';
import { LateenUp } from './lateen-up.ts';
import { whyNotBuilt } from './mesh-fixture.ts';
import { until } from './until.ts';

const directory = mkdtempSync(path.join(os.tmpdir(), 'lateen-programs-'));
afterAll(() => rmSync(directory, { recursive: true, force: true }));

interface Server {
  name: string;
  /** Of the Service, as Istio reads it. */
  portName: string;
  port: number;
  command: string[];
}

interface Call {
  server: string;
  /** What must be on this machine beside the server. */
  client: string;
  command: string;
  answers: string;
}

const postgresFolder = (() => {
  const versions = existsSync('/usr/lib/postgresql') ? readdirSync('/usr/lib/postgresql') : [];
  return versions.map((version) => `/usr/lib/postgresql/${version}/bin`).find((folder) => existsSync(`${folder}/initdb`));
})();
/** PostgreSQL does not run as root; in a user namespace there is nobody else, but one more user namespace. */
const asUser = ['unshare', '--user', '--map-user=1000', '--map-group=1000', '--'];

function find(program: string): string | undefined {
  const folders = [...(process.env['PATH'] ?? '').split(':'), '/usr/sbin', '/sbin'];
  return folders.map((folder) => path.join(folder, program)).find((file) => existsSync(file));
}

const file = (name: string, text: string): string => {
  writeFileSync(path.join(directory, name), text);
  return path.join(directory, name);
};

function postgresData(): string {
  const data = path.join(directory, 'postgres');
  if (postgresFolder === undefined || existsSync(data)) return data;
  const [program = '', ...args] = [...asUser, `${postgresFolder}/initdb`, '-D', data, '-A', 'trust', '-U', 'postgres'];
  execFileSync(program, args, { stdio: 'ignore' });
  appendFileSync(path.join(data, 'pg_hba.conf'), 'host all all 0.0.0.0/0 trust\n');
  return data;
}

function serversHere(): Server[] {
  mkdirSync(path.join(directory, 'www'), { recursive: true });
  file('www/hello.txt', 'hello of python\n');
  const nginx = file(
    'nginx.conf',
    `user root; daemon off; pid ${directory}/nginx.pid; error_log stderr; events {}
     http { access_log off; client_body_temp_path ${directory}/body; proxy_temp_path ${directory}/proxy; fastcgi_temp_path ${directory}/f;
       uwsgi_temp_path ${directory}/u; scgi_temp_path ${directory}/s;
       server { listen 8080; location / { return 200 'hello of nginx\\n'; } } }`,
  );
  const haproxy = file(
    'haproxy.cfg',
    `defaults
  mode http
  timeout connect 5s
  timeout client 5s
  timeout server 5s
frontend in
  bind :8081
  default_backend out
backend out
  http-request set-header Host python:8000
  server python python:8000
`,
  );
  const python = find('python3');
  const all: (Server | undefined)[] = [
    python && {
      name: 'python',
      portName: 'http',
      port: 8000,
      command: [python, '-m', 'http.server', '8000', '--directory', `${directory}/www`],
    },
    find('nginx') && { name: 'nginx', portName: 'http', port: 8080, command: [find('nginx')!, '-c', nginx] },
    python && find('haproxy') && { name: 'haproxy', portName: 'http', port: 8081, command: [find('haproxy')!, '-f', haproxy] },
    find('redis-server') && {
      name: 'redis',
      portName: 'tcp-redis',
      port: 6379,
      command: [find('redis-server')!, '--protected-mode', 'no', '--save', '', '--dir', directory],
    },
    postgresFolder && {
      name: 'postgres',
      portName: 'tcp-postgres',
      port: 5432,
      command: [
        ...asUser,
        `${postgresFolder}/postgres`,
        '-D',
        postgresData(),
        '-c',
        'listen_addresses=*',
        '-c',
        'unix_socket_directories=',
      ],
    },
  ].map((server) => server || undefined);
  return all.filter((server) => server !== undefined);
}

const calls: Call[] = [
  { server: 'python', client: 'curl', command: 'curl -sf http://python:8000/hello.txt', answers: 'hello of python' },
  { server: 'nginx', client: 'curl', command: 'curl -sf http://nginx.default:8080/', answers: 'hello of nginx' },
  {
    server: 'haproxy',
    client: 'curl',
    command: 'curl -sf http://haproxy.default.svc.cluster.local:8081/hello.txt',
    answers: 'hello of python',
  },
  { server: 'redis', client: 'redis-cli', command: 'redis-cli -h redis ping', answers: 'PONG' },
  { server: 'postgres', client: 'psql', command: 'psql -h postgres -U postgres -Atc "select 6 * 7"', answers: '42' },
];

function manifest(servers: readonly Server[], made: readonly Call[]): string {
  const deployment = (name: string, containers: object[]) => ({
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name },
    spec: { selector: { matchLabels: { app: name } }, template: { metadata: { labels: { app: name } }, spec: { containers } } },
  });
  const objects = [
    ...servers.flatMap(({ name, portName, port, command }) => [
      { apiVersion: 'v1', kind: 'Service', metadata: { name }, spec: { selector: { app: name }, ports: [{ name: portName, port }] } },
      deployment(name, [{ name: 'app', image: 'none', command, ports: [{ containerPort: port }] }]),
    ]),
    deployment(
      'client',
      made.map(({ server, command }) => {
        return { name: server, image: 'none', command: ['sh', '-c', `until ${command}; do sleep 0.3; done; echo; exec sleep 100000`] };
      }),
    ),
  ];
  return objects.map((object) => JSON.stringify(object)).join('\n---\n');
}

describe.each(['netns', 'user'])('%s', (mode) => {
  let up: LateenUp | undefined;
  let why: string | undefined;
  let pods: Pod[] = [];
  const servers = new Set<string>();

  beforeAll(async () => {
    why = whyNotBuilt ?? (mode === 'netns' ? await whyNoNamespaces() : undefined);
    if (why !== undefined) return;
    const here = serversHere();
    const made = calls.filter(({ server, client }) => here.some(({ name }) => name === server) && find(client));
    for (const { server } of made) servers.add(server);
    const manifestFile = file(`mesh-${mode}.yaml`, manifest(here, made));
    up = new LateenUp(['--capture', mode, '--ephemeral', '-f', manifestFile]);
    await Promise.race([up.untilUp(), up.ended]);
    if (up.stderr.includes(`capture mode ${mode}`)) why = `there is no such mode here: ${up.stderr}`;
    else pods = ((await getJson(below(up.api, '/api/v1/namespaces/default/pods'), 'the API server')) as { items: Pod[] }).items;
  }, 60_000);
  beforeEach((context) => {
    if (why !== undefined) context.skip(why);
  });
  afterAll(() => up?.dispose());

  const pod = (app: string): Pod => pods.find(({ metadata }) => metadata.labels?.['app'] === app)!;
  const log = (app: string, container: string): string => {
    const { name } = pod(app).metadata;
    const logs = /logs +(\/\S+)/.exec(up!.stdout)![1]!;
    return readFileSync(path.join(logs, `default_${name}`, `${container}.log`), 'utf8');
  };
  const untilLogged = async (app: string, pattern: RegExp): Promise<void> => {
    await until(
      `the proxy of ${app} says ${pattern}`,
      () => pattern.test(log(app, 'istio-proxy')) || log(app, 'istio-proxy').slice(-2_000),
    );
  };
  const literal = (text: string) => text.replaceAll('.', '\\.').replaceAll('|', '\\|');

  test.for(calls)('$command', async ({ server, client, answers }, context) => {
    if (!servers.has(server)) context.skip(`${server} or ${client} is not on this machine`);
    await until(
      `${server} has answered`,
      () => log('client', server).includes(answers) || log(server, 'app').slice(-1_000) + log(server, 'istio-proxy').slice(-1_000),
    );
    const [from, to] = [pod('client').status!.podIP!, pod(server).status!.podIP!];
    const { port } = serversHere().find(({ name }) => name === server)!;
    // Upstream host, cluster, our side, where the program was going, the program's side.
    await untilLogged(
      'client',
      new RegExp(`"${literal(`${to}:${port}`)}" ${literal(`outbound|${port}||${server}.default.svc.cluster.local`)} ${literal(from)}:`),
    );
    await untilLogged(
      server,
      new RegExp(`"${literal(`${to}:${port}`)}" ${literal(`inbound|${port}||`)} 127\\.0\\.0\\.6:\\d+ ${literal(`${to}:${port} ${from}`)}:`),
    );
    expect(log(server, 'istio-proxy')).not.toContain('InboundPassthroughCluster');
  });
});
