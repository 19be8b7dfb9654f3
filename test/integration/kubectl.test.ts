// kubectl, as people use it, against a mesh of its own: every command with what it must say. Newer and older versions, where they are there.
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { silentLogger } from '#foundation/logger';
import { LocalMesh } from '#main/local-mesh';
import { inherited, whyNotBuilt } from './mesh-fixture.ts';

const folder = '/usr/lib/google-cloud-sdk/bin';
const versions = ['1.27', '1.28', '1.29', '1.30', '1.31', '1.32', '1.33'].filter((version) => existsSync(`${folder}/kubectl.${version}`));
/** An old one, such as Debian's 1.20, which knows less: by LATEEN_KUBECTL, or as `kubectl-1.20` in the path. */
const named =
  process.env['LATEEN_KUBECTL'] ??
  ['kubectl-1.20', 'kubectl.1.20'].find((program) => spawnSync(program, ['version', '--client']).status === 0);
const unknownToOld = [
  'create ingress',
  'get ingress',
  'create cronjob',
  'create job now',
  'create pdb',
  'set resources cronjob',
  'get job now',
  'create token',
  'auth whoami',
  'events',
  'get dr web -o yaml',
  'patch service web --type json -p [{"op":"test"',
];
const found: [name: string, program: string][] =
  versions.length > 0
    ? [versions[0]!, versions.at(-1)!].map((version) => [version, `${folder}/kubectl.${version}`])
    : spawnSync('kubectl', ['version', '--client']).status === 0
      ? [['of this machine', 'kubectl']]
      : [];
const programs = [...found, ...(named === undefined ? [] : [[named, named] as [string, string]])];

const web = (image: string) => `
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, labels: {app: web}}
spec:
  replicas: 2
  selector: {matchLabels: {app: web}}
  template:
    metadata:
      labels: {app: web}
      annotations: {lateen.dev/command: $(NODE) ${server}}
    spec:
      containers: [{name: web, image: ${image}, ports: [{containerPort: 8000}]}]
---
apiVersion: v1
kind: Service
metadata: {name: web}
spec: {selector: {app: web}, ports: [{port: 80, targetPort: 8000, name: http}]}
`;
const rule = (host: string) => `
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: web}
spec: {host: ${host}}
`;

let directory: string;
let server: string;
let mesh: LocalMesh;
let kubeconfig: string;

describe.skipIf(whyNotBuilt !== undefined || programs.length === 0).each(programs)('kubectl %s', (version, program) => {
  beforeAll(async () => {
    directory = mkdtempSync(path.join(os.tmpdir(), 'lateen-kubectl-'));
    server = path.join(directory, 'server.mjs');
    writeFileSync(
      server,
      `import http from 'node:http'; console.log('serving'); setInterval(() => console.log('serving again'), 200); http.createServer((_, r) => r.end('hello')).listen(8000, process.env.APP_ADDRESS);`,
    );
    const anyPort = { apiPort: 0, xdsPort: 0, debugPort: 0, gatewayHttpPort: 0, gatewayHttpsPort: 0 };
    mesh = new LocalMesh({ ...anyPort, runDirectory: path.join(directory, 'run'), images: [], inherited, logger: silentLogger });
    ({ kubeconfig } = await mesh.start());
  });
  afterAll(async () => {
    await mesh.stop();
    rmSync(directory, { recursive: true, force: true });
  });

  /** What it wrote to both outputs, and its exit code. The server is in this process: nothing may block. */
  function kubectl(args: readonly string[], input = '', role = ''): Promise<{ code: number | null; output: string }> {
    const env = { ...inherited, KUBECONFIG: `${kubeconfig}${role}`, HOME: directory, KUBECTL_EXTERNAL_DIFF: 'diff -u' };
    const child = spawn(program, args, { env, timeout: 25_000 });
    let output = '';
    child.stdout.on('data', (chunk: Buffer) => (output += chunk));
    child.stderr.on('data', (chunk: Buffer) => (output += chunk));
    child.stdin.on('error', () => undefined);
    child.stdin.end(input);
    return new Promise((resolve) => child.once('close', (code) => resolve({ code, output })));
  }

  /** A line for each command: its arguments, what its output must match, its exit code, its input, and the role of its user. */
  type Line = readonly [command: string, output: RegExp, options?: { code?: number; input?: () => string; role?: string }];

  const session: readonly Line[] = [
    ['version', /Server Version: .*v1\.30\.0\+lateen/],
    ['cluster-info', /control plane.* is running at .*https:\/\/127\.0\.0\.1:/],
    ['api-resources', /deployments +deploy +apps\/v1 +true +Deployment[\s\S]*virtualservices +vs +networking\.istio\.io\/v1 +true/],
    ['api-versions', /apps\/v1[\s\S]*networking\.istio\.io\/v1beta1/],
    ['get namespaces', /NAME +STATUS +AGE\ndefault +Active/],
    ['get pods', /No resources found in default namespace/],
    ['apply -f -', /deployment.apps\/web created\nservice\/web created/, { input: () => web('web:1') }],
    ['apply -f -', /deployment.apps\/web unchanged\nservice\/web unchanged/, { input: () => web('web:1') }],
    ['diff -f -', /^$/, { input: () => web('web:1') }],
    ['diff -f -', /\+.*image: web:9/, { code: 1, input: () => web('web:9') }],
    ['rollout status deployment/web --timeout=20s', /deployment "web" successfully rolled out/],
    ['wait --for=condition=Available deployment/web --timeout=10s', /deployment.apps\/web condition met/],
    ['get deployment web', /NAME +READY +UP-TO-DATE +AVAILABLE +AGE\nweb +2\/2 +2 +2/],
    ['get pods -l app=web --show-labels', /web-\w+-\w+ +1\/1 +Running +0 .*app=web,pod-template-hash=/],
    ['get pods -l app!=web', /No resources found/],
    ['get pods -l app in (web,x),!canary -o name', /pod\/web-\w+-\w+\npod\/web-/],
    ['get pods --field-selector status.phase=Running -o name', /pod\/web-/],
    ['get pods --field-selector status.phase!=Running', /No resources found/],
    [
      'get pods -A --chunk-size=1 -o name',
      /pod\/web-[\s\S]*pod\/web-[\s\S]*pod\/istio-ingressgateway-|pod\/istio-ingressgateway-[\s\S]*pod\/web-[\s\S]*pod\/web-/,
    ],
    ['get all', /service\/web[\s\S]*deployment.apps\/web[\s\S]*replicaset.apps\/web-|pod\/web-[\s\S]*replicaset.apps\/web-/],
    ['get service web -o wide', /PORT\(S\) +AGE +SELECTOR\nweb +ClusterIP +10\.96\.\d+\.\d+ +<none> +80\/TCP .*app=web/],
    ['get service -n istio-system', /istio-ingressgateway +LoadBalancer +10\.96\.\d+\.\d+ +127\.0\.0\.1 +15021\/TCP,80:\d+\/TCP/],
    ['get pods -n istio-system', /istio-ingressgateway-\w+-\w+ +1\/1 +Running/],
    ['get endpoints web', /web +127\.\d+\.\d+\.\d+:8000,127\./],
    ['get endpointslices', /web +IPv4 +8000 +127\./],
    ['get deployment web -o jsonpath={.spec.strategy.type}', /^RollingUpdate$/],
    ['get deployment web -o custom-columns=N:.metadata.name,R:.spec.replicas', /N +R\nweb +2/],
    ['describe deployment web', /StrategyType: +RollingUpdate[\s\S]*ScalingReplicaSet/],
    ['describe service web', /Selector: +app=web[\s\S]*Endpoints: +127\./],
    ['describe pod -l app=web', /Status: +Running/],
    ['explain service.spec.ports', /targetPort[\s\S]*number, or the name of a port/],
    ['explain virtualservice.spec.http', /Rules for HTTP[\s\S]*retries\t<Object>\n +When and how often/],
    ['explain deployment.spec', /replicas\t<integer>[\s\S]*template\t<Object> -required-/],
    ['explain pod.spec.containers.ports', /containerPort\t<integer> -required-/],
    ['explain role.rules', /verbs\t<\[\]string>/],
    ['logs deployment/web', /serving/],
    ['logs deployment/web --tail=1 -c web', /serving/],
    ['logs deployment/web --timestamps --tail=1', /^(Found.*\n)?20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+Z serving again\n$/],
    ['logs deployment/web --since-time=2000-01-01T00:00:00Z', /serving\nserving again/],
    ['logs deployment/web --since-time=2100-01-01T00:00:00Z', /^(Found.*\n)?$/],
    ['logs deployment/web --since=1h', /serving\nserving again/],
    ['logs deployment/web -c none', /container none is not valid/, { code: 1 }],
    ['exec deployment/web -- echo hello', /^(Found.*\n)?hello\n/],
    ['exec deployment/web -- false', /exit code 1/, { code: 1 }],
    ['exec -i deployment/web -- cat', /of standard input/, { input: () => 'of standard input' }],
    ['exec deployment/web -c istio-proxy -- echo beside the proxy', /^(Found.*\n)?beside the proxy\n/],
    ['exec deployment/web -c none -- true', /container none is not valid for pod web-\w+-\w+/, { code: 1 }],
    ['exec deployment/web -- true', /cannot create resource "pods\/exec"/, { code: 1, role: '-view' }],
    ['scale deployment web --replicas=3', /deployment.apps\/web scaled/],
    ['rollout status deployment/web --timeout=20s', /successfully rolled out/],
    ['scale deployment web --replicas=1 --current-replicas=7', /Expected replicas to be 7, was 3/, { code: 1 }],
    ['set image deployment/web web=web:2', /deployment.apps\/web image updated/],
    ['rollout status deployment/web --timeout=20s', /successfully rolled out/],
    ['rollout history deployment/web', /REVISION[\s\S]*\n1 [\s\S]*\n2 /],
    ['rollout undo deployment/web', /deployment.apps\/web rolled back/],
    ['rollout status deployment/web --timeout=20s', /successfully rolled out/],
    ['get deployment web -o jsonpath={..image}', /^web:1$/],
    ['get replicasets -o name', /^replicaset.apps\/web-\w+\nreplicaset.apps\/web-\w+\n$/],
    ['rollout pause deployment/web', /paused/],
    ['rollout resume deployment/web', /resumed/],
    ['rollout restart deployment/web', /restarted/],
    ['label service web tier=front', /service\/web labeled/],
    ['label service web tier=back', /'tier' already has a value/, { code: 1 }],
    ['annotate service web note=x', /service\/web annotated?/],
    ['patch service web -p {"spec":{"ports":[{"port":80,"name":"http-web"}]}}', /service\/web patched/],
    ['get service web -o jsonpath={.spec.ports[*].name}/{.spec.ports[*].targetPort}', /^http-web\/8000$/],
    ['patch service web --type merge -p {"metadata":{"labels":{"tier":null}}}', /patched/],
    ['patch service web --type json -p [{"op":"add","path":"/metadata/labels","value":{"a":"b"}}]', /patched/],
    ['patch service web --type json -p [{"op":"test","path":"/spec/type","value":"X"}]', /test failed/, { code: 1 }],
    ['apply --server-side -f -', /destinationrule.networking.istio.io\/web serverside-applied/, { input: () => rule('web') }],
    [
      'apply --server-side --field-manager=other -f -',
      /conflict with "kubectl"[\s\S]*\.spec\.host/,
      { code: 1, input: () => rule('web2') },
    ],
    ['apply --server-side --field-manager=other --force-conflicts -f -', /serverside-applied/, { input: () => rule('web2') }],
    ['get destinationrule', /NAME +HOST +.*AGE\nweb +web2/],
    ['get dr web -o yaml --show-managed-fields', /manager: other\n +operation: Apply/],
    ['create namespace shop', /namespace\/shop created/],
    ['create configmap settings --from-literal=a=b -n shop', /configmap\/settings created/],
    ['create secret generic pass --from-literal=a=b -n shop', /secret\/pass created/],
    ['get secret pass -n shop -o jsonpath={.data.a}', /^Yg==$/],
    ['create deployment idle --image=idle:1 --replicas=0 -n shop', /deployment.apps\/idle created/],
    ['expose deployment idle --port=80 -n shop', /service\/idle exposed/],
    ['create job once --image=once:1 -n shop', /job.batch\/once created/],
    ['create cronjob tick --image=tick:1 --schedule=0_0_1_1_* -n shop', /cronjob.batch\/tick created/],
    ['set resources cronjob/tick --limits=cpu=1 -n shop', /resource requirements updated/],
    ['create job now --from=cronjob/tick -n shop', /job.batch\/now created/],
    ['get job now -n shop -o jsonpath={..limits.cpu}', /^1$/],
    ['create role reader --verb=get --resource=pods -n shop', /role.rbac.authorization.k8s.io\/reader created/],
    ['create rolebinding reader --role=reader --user=jo -n shop', /rolebinding.rbac.authorization.k8s.io\/reader created/],
    ['get clusterroles -o name', /role.rbac.authorization.k8s.io\/admin\n[\s\S]*\/cluster-admin\n[\s\S]*\/edit\n[\s\S]*\/view\n/],
    ['describe clusterrole view', /deployments.apps[\s\S]*\[get list watch\]/],
    ['create clusterrole reader --verb=get --resource=pods', /clusterrole.rbac.authorization.k8s.io\/reader created/],
    ['create clusterrolebinding reader --clusterrole=reader --user=jo', /clusterrolebinding.rbac.authorization.k8s.io\/reader created/],
    ['delete clusterrole,clusterrolebinding reader', /"reader" deleted[\s\S]*"reader" deleted/],
    ['create quota few --hard=pods=1 -n shop', /resourcequota\/few created/],
    ['get quota few -n shop -o jsonpath={.spec.hard.pods}', /^1$/],
    ['create pdb most --selector=app=web --min-available=1 -n shop', /poddisruptionbudget.policy\/most created/],
    ['create ingress way --rule=a.test/b=idle:80 -n shop', /ingress.networking.k8s.io\/way created/],
    ['get ingress way -n shop -o jsonpath={..host}/{..service.port.number}', /^a.test\/80$/],
    ['create priorityclass high --value=1', /the server could not find the requested resource/, { code: 1 }],
    ['create -f -', /already exists/, { code: 1, input: () => rule('web') }],
    ['delete namespace shop', /namespace "shop" deleted/],
    ['get configmap settings -n shop', /(configmaps "settings"|namespaces "shop") not found/, { code: 1 }],
    ['get nothing', /doesn't have a resource type "nothing"/, { code: 1 }],
    ['get service none', /services "none" not found/, { code: 1 }],
    [
      'apply -f -',
      /unknown field "(spec\.template\.spec\.containers\[0\]\.)?imagee"/,
      { code: 1, input: () => web('web:1').replace('image:', 'imagee:') },
    ],
    [
      'apply -f -',
      // kubectl up to 1.23 looks itself.
      program === named
        ? /unknown field "hots" in io\.istio/
        : /strict decoding error: unknown field "spec\.hots" \(did you mean "host"\?\)/,
      { code: 1, input: () => rule('web').replace('host', 'hots') },
    ],
    ['get service web --raw /api/v1/none', /arguments may not be passed|could not find|nothing at|NotFound/, { code: 1 }],
    ['create token default --duration=5m', /may not specify a duration less than 10 minutes/, { code: 1 }],
    ['create token default', /^[\w-]+\.[\w-]+\.[\w-]+\n?$/],
    ['create token none', /serviceaccounts "none" not found/, { code: 1 }],
    ['autoscale deployment web --max=3', /horizontalpodautoscaler.autoscaling\/web autoscaled/],
    ['logs deployment/web --previous', /previous terminated container "web" in pod "web-\w+-\w+" not found/, { code: 1 }],
    ['auth can-i delete pods', /^yes/],
    ['auth whoami', /lateen:admin|not enabled/, version === '1.27' ? { code: 1 } : {}],
    ['auth can-i delete pods', /^no/, { code: 1, role: '-view' }],
    ['delete service web', /services "web" is forbidden: User "lateen:view" cannot delete resource "services"/, { code: 1, role: '-view' }],
    ['get secrets', /cannot list resource "secrets"/, { code: 1, role: '-view' }],
    ['delete namespace default', /cannot delete resource "namespaces"/, { code: 1, role: '-edit' }],
    ['get events', /SuccessfulCreate +replicaset\/web-/],
    ['delete deployment web --cascade=orphan', /deployment.apps "web" deleted/],
    ['get pods -l app=web -o name', /pod\/web-/],
    ['delete replicasets --all --cascade=foreground', /replicaset.apps "web-\w+" deleted/],
    ['get pods -l app=web', /No resources found/],
    ['delete service,destinationrule --all', /service "web" deleted\ndestinationrule.networking.istio.io "web" deleted/],
  ];

  test('a session', async () => {
    for (const [command, output, { code = 0, input = () => '', role = '' } = {}] of session) {
      if (program === named && unknownToOld.some((word) => command.startsWith(word))) continue;
      // A blank inside of a JSON patch or a selector is part of the argument.
      const args = command.startsWith('get pods -l app in')
        ? ['get', 'pods', '-l', 'app in (web,x),!canary', '-o', 'name']
        : command.split(' ').map((word) => (word.startsWith('--schedule=') ? word.replaceAll('_', ' ') : word));
      const answer = await kubectl(args, input(), role);
      expect.soft({ command, ...answer }).toEqual({ command, code, output: expect.stringMatching(output) });
    }
  }, 180_000);

  /** Starts a command that goes on, and waits for what it must write. `stop` ends it and gives all that it wrote. */
  async function running(args: readonly string[], output: RegExp): Promise<{ found: RegExpExecArray; stop(): Promise<string> }> {
    const child = spawn(program, args, { env: { ...inherited, KUBECONFIG: kubeconfig, HOME: directory }, timeout: 25_000 });
    let written = '';
    const closed = new Promise<void>((resolve) => child.once('close', () => resolve()));
    const found = await new Promise<RegExpExecArray>((resolve, reject) => {
      const look = (chunk: Buffer) => {
        written += chunk;
        const match = output.exec(written);
        if (match) resolve(match);
      };
      child.stdout.on('data', look);
      child.stderr.on('data', look);
      void closed.then(() => reject(new Error(`kubectl ${args.join(' ')} ended: ${written}`)));
    });
    const stop = async () => {
      child.kill();
      await closed;
      return written;
    };
    return { found, stop };
  }

  test('connections to a pod, its output, and a terminal in it', async () => {
    await kubectl(['apply', '-f', '-'], web('web:1'));
    await kubectl(['rollout', 'status', 'deployment/web', '--timeout=20s']);
    const forward = await running(
      ['port-forward', 'deployment/web', '0:8000', '0:1'],
      /127\.0\.0\.1:(\d+) -> 8000\n[\s\S]*127\.0\.0\.1:(\d+) -> 1\n/,
    );
    const [, open, closed] = forward.found;
    const answers = await Promise.all(Array.from({ length: 20 }, () => fetch(`http://127.0.0.1:${open}/`).then((answer) => answer.text())));
    expect(new Set(answers)).toEqual(new Set(['hello']));
    await expect(fetch(`http://127.0.0.1:${closed}/`)).rejects.toThrow();
    expect(await forward.stop()).toMatch(/an error occurred forwarding 1: /);
    const attached = await running(['attach', 'deployment/web', '--pod-running-timeout=5s'], /serving again/);
    await attached.stop();
    // kubectl asks for a terminal only where it has one itself.
    if (!existsSync('/usr/bin/script')) return;
    const line = `stty rows 33 cols 111; exec ${program} exec -it deployment/web -- sh -c 'sleep 0.5; test -t 1 && stty size && exit 3'`;
    const env = { ...inherited, KUBECONFIG: kubeconfig, HOME: directory, TERM: 'xterm' };
    const child = spawn('/usr/bin/script', ['--quiet', '--return', '--command', line, '/dev/null'], { env, timeout: 25_000 });
    let shown = '';
    child.stdout.on('data', (chunk: Buffer) => (shown += chunk));
    const code = await new Promise((resolve) => child.once('close', resolve));
    expect([code, shown]).toEqual([3, expect.stringContaining('33 111')]);
  }, 60_000);
});
