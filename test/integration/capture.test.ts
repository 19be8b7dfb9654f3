// Transparent capture in network namespaces: programs that nobody told of the mesh are in it.
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, expect, onTestFinished, test } from 'vitest';
import { datagramAnswer, machineAddress, ownNodePorts, runHere, useCaptureMesh } from './capture-mesh.ts';
import { until } from './until.ts';

/** Answers with who asked, and from where; on port 9000 it speaks first. */
const echo = `
const http = require('node:http'), net = require('node:net');
http.createServer((q, s) => s.end(JSON.stringify({ path: q.url, peer: q.socket.remoteAddress, at: q.socket.localAddress }))).listen(8080);
net.createServer((c) => c.end('greetings from ' + process.env.POD_NAME + '\\n')).listen(9000);
const u = require('node:dgram').createSocket('udp4').on('message', (m, r) => u.send('echo of ' + m, r.port, r.address)).bind(9001);
`;

const app = (name: string, annotations: Record<string, string> = {}) => `
apiVersion: v1
kind: Service
metadata: {name: ${name}}
spec:
  selector: {app: ${name}}
  ports: [{name: http, port: 80, targetPort: 8080}, {name: tcp, port: 9000}, {name: udp, port: 9001, protocol: UDP}]
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: ${name}}
spec:
  selector: {matchLabels: {app: ${name}}}
  template:
    metadata: {labels: {app: ${name}}, annotations: ${JSON.stringify(annotations)}}
    spec:
      containers:
        - name: app
          image: none
          command: ['$(NODE)', '-e', ${JSON.stringify(echo)}]
          ports: [{containerPort: 8080}, {containerPort: 9000}]
`;

/** Without a proxy; and Services that are not like others. */
const plain = `
apiVersion: v1
kind: Pod
metadata: {name: plain, labels: {app: plain, sidecar.istio.io/inject: "false"}}
spec: {containers: [{name: app, command: [sleep, infinity]}]}
---
apiVersion: v1
kind: Service
metadata: {name: nobody-there}
spec: {selector: {app: nobody-there}, ports: [{port: 80}]}
---
apiVersion: v1
kind: Service
metadata: {name: headless}
spec: {selector: {app: server}, clusterIP: None, ports: [{port: 8080}]}
---
apiVersion: v1
kind: Service
metadata: {name: alias}
spec: {type: ExternalName, externalName: server.default.svc.cluster.local}
---
apiVersion: v1
kind: Service
metadata: {name: at-node-port}
spec: {type: NodePort, selector: {app: server}, ports: ${ownNodePorts}}
---
apiVersion: v1
kind: Pod
metadata: {name: hiding, labels: {app: hiding}, annotations: {lateen.dev/command: /usr/bin/sleep infinity}}
spec:
  volumes: [{name: usr, emptyDir: {}}]
  containers: [{name: app, image: none, volumeMounts: [{name: usr, mountPath: /usr}]}]
`;

const mesh = useCaptureMesh(
  [app('server'), app('client'), app('apart', { 'traffic.sidecar.istio.io/excludeOutboundPorts': '8080,9000' }), plain].join('---'),
);

/** A request out of a pod by a program that knows no proxy. */
async function ask(from: string, url: string): Promise<{ status: number; body: string }> {
  const script = `fetch(process.argv[1]).then(async (r) => console.log(JSON.stringify({ status: r.status, body: await r.text() })))`;
  const { stdout, stderr } = await mesh.run(from, [process.execPath, '-e', script, url]);
  if (stdout === '') throw new Error(stderr);
  return JSON.parse(stdout) as { status: number; body: string };
}

async function greeting(from: string, host: string): Promise<string> {
  const script = `require('node:net').connect(9000, process.argv[1]).on('error', (e) => console.log(e.code)).pipe(process.stdout)`;
  return (await mesh.run(from, [process.execPath, '-e', script, host])).stdout;
}

describe('a request to a Service by its cluster IP', () => {
  test('goes through both proxies, each of which says from where and where to', async () => {
    const [client, server] = [await mesh.pod('client'), await mesh.pod('server')];
    const [from, to] = [client.status!.podIP!, server.status!.podIP!];
    const clusterIp = await mesh.clusterIp('server');
    const { status, body } = await ask('client', `http://${clusterIp}/both`);
    // The program sees its own pod's proxy, as in Istio.
    expect({ status, ...JSON.parse(body) }).toEqual({ status: 200, path: '/both', peer: '::ffff:127.0.0.6', at: `::ffff:${to}` });
    const out = await mesh.untilLogged('client', /"GET \/both /);
    expect(out).toContain(`"${to}:8080" outbound|80||server.default.svc.cluster.local ${from}:`);
    expect(out).toMatch(new RegExp(` ${clusterIp}:80 ${from}:\\d+ - default$`));
    const inn = await mesh.untilLogged('server', /"GET \/both /);
    expect(inn).toMatch(
      new RegExp(` "${to}:8080" inbound\\|8080\\|\\| 127.0.0.6:\\d+ ${to}:8080 ${from}:\\d+ outbound_\\.80_\\._\\.server\\.\\S+ default$`),
    );
  });

  test('a pod that calls itself comes in through its own front door', async () => {
    const { body } = await ask('client', `http://${await mesh.clusterIp('client')}/myself`);
    expect(JSON.parse(body)).toMatchObject({ peer: '::ffff:127.0.0.6' });
    await mesh.untilLogged('client', /"GET \/myself .* outbound\|80\|\|client/);
    await mesh.untilLogged('client', /"GET \/myself .* inbound\|8080\|\|/);
  });
});

describe('Services that are not like others', () => {
  test('UDP, with a proxy and without, and past the proxy’s name server', async () => {
    const script = `const u = require('node:dgram').createSocket('udp4').on('message', (m) => { console.log(String(m)); u.close(); });
      u.send(process.argv[1], 9001, process.argv[2]);`;
    for (const from of ['client', 'plain']) {
      const { stdout } = await mesh.run(from, [process.execPath, '-e', script, from, 'server']);
      expect(stdout).toBe(`echo of ${from}\n`);
    }
  });

  test('ExternalName: another name for another Service', async () => {
    for (const from of ['client', 'plain']) expect(await greeting(from, 'alias')).toMatch(/^greetings from server-/);
  });

  test('NodePort: from the machine, through the pod’s proxy', async () => {
    const { ports = [] } = (await mesh.service('at-node-port')).spec;
    const url = `http://127.0.0.1:${ports[0]!.nodePort}/by-node-port`;
    await until('the node port is open', async () => (await fetch(url)).ok);
    expect(await (await fetch(url)).json()).toMatchObject({ path: '/by-node-port', peer: '::ffff:127.0.0.6' });
    await mesh.untilLogged('server', /"GET \/by-node-port .* inbound\|8080\|\|/);
    expect(await datagramAnswer(ports[1]!.nodePort!, 'the machine')).toBe('echo of the machine');
  });
});

test('a volume that would hide the program is not mounted, and an event says so', async () => {
  const { stdout } = await mesh.run('hiding', ['ls', '/usr/bin/sleep']);
  expect(stdout).toBe('/usr/bin/sleep\n');
  expect(await mesh.eventsOf('hiding')).toContainEqual(
    "VolumeNotMounted: the volume at /usr is not mounted in container app: it would hide its program, which is this machine's; the variable LATEEN_VOLUME_NAME says where it is",
  );
});

describe('connections that are not HTTP', () => {
  test('a server that speaks first, through both proxies', async () => {
    expect(await greeting('client', await mesh.clusterIp('server'))).toMatch(/^greetings from server-/);
    await mesh.untilLogged('client', /outbound\|9000\|\|server/);
    await mesh.untilLogged('server', /inbound\|9000\|\|/);
  });

  test('to an address that no service has: past the mesh, as it is', async () => {
    const pod = await mesh.pod('server');
    expect(await greeting('client', pod.status!.podIP!)).toMatch(/^greetings from server-/);
    await mesh.untilLogged('client', new RegExp(`PassthroughCluster .*${pod.status!.podIP!.replaceAll('.', '\\.')}:9000`));
  });
});

describe('names', () => {
  test.each(['server', 'server.default', 'server.default.svc', 'server.default.svc.cluster.local', 'SERVER.default.svc.cluster.local'])(
    '%s is called as it is written',
    async (name) => {
      const { status } = await ask('client', `http://${name}/named`);
      expect(status).toBe(200);
    },
  );

  test('a host of a ServiceEntry has an address of its own, also where the protocol has no host names', async () => {
    const pod = await mesh.pod('server');
    await mesh.apply(`
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: greeter}
spec:
  hosts: [greeter.example]
  ports: [{number: 9000, name: tcp, protocol: TCP}]
  resolution: STATIC
  location: MESH_INTERNAL
  endpoints: [{address: ${pod.status!.podIP}}]
`);
    await until('the name is answered', async () => {
      const heard = await greeting('client', 'greeter.example');
      return heard.startsWith('greetings from server-') || heard;
    });
    const line = await mesh.untilLogged('client', /outbound\|9000\|\|greeter\.example/);
    expect(line).toMatch(/ 240\.240\.\d+\.\d+:9000 /);
  });

  test('a name that is not of the mesh is unknown at once', async () => {
    expect(await greeting('client', 'nobody.default.svc.cluster.local')).toBe('ENOTFOUND\n');
  });
});

describe('IPv6, which pods do not have', () => {
  test('a connection fails at once, and names have no such addresses', async () => {
    const script = `
const { connect } = require('node:net'), { resolve4, resolve6 } = require('node:dns').promises;
const code = (error) => error.code;
(async () => {
  const connected = await new Promise((resolve) => connect(80, '2001:db8::1').on('connect', () => resolve('connected')).on('error', (error) => resolve(code(error))));
  const name = 'server.default.svc.cluster.local';
  console.log(connected, await resolve6(name).catch(code), (await resolve4(name)).length);
})();`;
    for (const app of ['client', 'plain'])
      expect((await mesh.run(app, [process.execPath, '-e', script], 3_000)).stdout).toBe('ENETUNREACH ENODATA 1\n');
  });
});

describe('what is not captured', () => {
  test('ports that an annotation excludes go straight', async () => {
    const [apart, server] = [await mesh.pod('apart'), await mesh.pod('server')];
    const { body } = await ask('apart', `http://${server.status!.podIP}:8080/straight`);
    // Only the server's proxy is between them.
    expect(JSON.parse(body)).toMatchObject({ path: '/straight' });
    expect(await mesh.untilLogged('server', /"GET \/straight /)).toContain(` ${apart.status!.podIP}:`);
  });

  test('a program talks to itself at 127.0.0.1', async () => {
    const { body } = await ask('server', 'http://127.0.0.1:8080/self');
    expect(JSON.parse(body)).toMatchObject({ peer: '::ffff:127.0.0.1' });
  });
});

describe('who is not in the mesh', () => {
  test('calls Services by name, and comes in by the front door of their pods', async () => {
    await until('it is answered', async () => (await ask('plain', 'http://server/plain')).status === 200);
    const { podIP } = (await mesh.pod('plain')).status!;
    expect(await mesh.untilLogged('server', /"GET \/plain /)).toContain(` ${podIP}:`);
    expect((await ask('plain', 'http://server.default.svc.cluster.local/plain')).status).toBe(200);
    expect((await ask('plain', 'http://headless:8080/plain')).status).toBe(200);
  });

  test('so does the machine itself, by their cluster IPs, as they change', async () => {
    const url = `http://${await mesh.clusterIp('server')}/machine`;
    expect((await fetch(url)).status).toBe(200);
    const { metadata } = await mesh.pod('server');
    await mesh.deletePod(metadata.name);
    await until('another pod is there, and answers', async () => {
      if ((await mesh.pod('server')).metadata.name === metadata.name) return 'the old one is';
      return (await fetch(url)).status === 200;
    });
  });

  test('a Service that leads nowhere refuses at once, as does a port that it has not', async () => {
    const refused = { cause: { code: 'ECONNREFUSED' } };
    await expect(fetch(`http://${await mesh.clusterIp('nobody-there')}/`)).rejects.toMatchObject(refused);
    await expect(fetch(`http://${await mesh.clusterIp('server')}:81/`)).rejects.toMatchObject(refused);
    expect(await greeting('plain', 'nobody-there')).toBe('ECONNREFUSED\n');
  });

  test('reaches the world beyond the pods, as who is in the mesh does', async (context) => {
    const world = machineAddress();
    if (world === undefined) return context.skip('this machine has no address but 127.0.0.1');
    const server = createServer((_, response) => response.end('the world')).listen(0, world);
    await once(server, 'listening');
    onTestFinished(() => void server.close());
    const url = `http://${world}:${(server.address() as AddressInfo).port}/`;
    for (const app of ['plain', 'server', 'apart']) expect(await ask(app, url)).toEqual({ status: 200, body: 'the world' });
  });
});

test('a client in a pod finds the API by itself, and may what roles bind its service account to', async () => {
  const script = `
import(process.argv[1]).then(async ({ KubeConfig, CoreV1Api }) => {
  const config = new KubeConfig();
  config.loadFromCluster();
  const core = config.makeApiClient(CoreV1Api);
  const said = await core.listNamespacedPod({ namespace: 'default' }).then(
    ({ items }) => items.length > 2 && 'pods',
    (error) => error.code + ' ' + JSON.parse(error.body).message,
  );
  console.log(said);
});`;
  const client = import.meta.resolve('@kubernetes/client-node');
  const listing = async (app: string) => (await mesh.run(app, [process.execPath, '-e', script, client])).stdout;
  const refusal =
    'pods is forbidden: User "system:serviceaccount:default:default" cannot list resource "pods" in API group "" in the namespace "default"';
  for (const app of ['server', 'plain']) expect(await listing(app)).toBe(`403 ${refusal}\n`);
  await mesh.apply(`
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: readers}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: view}
subjects: [{kind: ServiceAccount, name: default, namespace: default}]
`);
  for (const app of ['server', 'plain']) expect(await listing(app)).toBe('pods\n');
});

test('the machine reaches a pod through its proxy, and the proxy’s admin interface', async () => {
  const { podIP = '' } = (await mesh.pod('server')).status!;
  expect(JSON.parse(await (await fetch(`http://${podIP}:8080/outside`)).text())).toMatchObject({ peer: '::ffff:127.0.0.6' });
  expect(await mesh.untilLogged('server', /"GET \/outside /)).toContain('inbound|8080||');
  expect((await fetch(`http://${podIP}:15000/server_info`)).status).toBe(200);
});

test('a pod that goes takes its namespace and its link along', async () => {
  const { metadata, status } = await mesh.pod('apart');
  // Another mesh of this machine may have a pod of this number.
  const [, second, ...tail] = status!.podIP!.split('.');
  const link = `lateen${Number(second) - 244}v${tail.join('_')}@`;
  expect(await runHere('ip', 'netns', 'list')).toContain(metadata.name);
  await mesh.remove('apart');
  expect(await runHere('ip', 'netns', 'list')).not.toContain(metadata.name);
  expect(await runHere('ip', '-o', 'link')).not.toContain(link);
});
