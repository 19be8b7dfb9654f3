// A pod's life as Kubernetes tells it, by real programs on loopback addresses: hooks, the word to end and the time for it, volumes that
// change, sidecars that do not keep a pod from its end.
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import type { ApiObject } from '#api/kind';
import { configMapKind } from '#api/kinds/config-map';
import { type Event, eventKind } from '#api/kinds/event';
import { type Pod, podKind } from '#api/kinds/pod';
import { systemClock } from '#foundation/clock';
import { silentLogger } from '#foundation/logger';
import { systemRandom } from '#foundation/random';
import { LoopbackNetworks } from '#host/capture/loopback-networks';
import { Cgroups } from '#host/cgroup/cgroups';
import type { Container } from '#host/container';
import { EventRecorder } from '#host/event-recorder';
import { Host } from '#host/host';
import { ImageMap } from '#host/image-map';
import { gracePeriodOf } from '#host/pod-worker';
import { type FleetCommand, type FleetProcess, ProxyFleet } from '#host/proxy-fleet';
import { MemoryStore } from '#store/memory-store';
import { until } from '../integration/until.ts';

const store = new MemoryStore({
  clock: systemClock,
  random: systemRandom,
  gracePeriodOf: (object) => (object.kind === 'Pod' ? gracePeriodOf(object as Pod) : 0),
});
const cgroups = Cgroups.open({
  root: '/sys/fs/cgroup',
  own: existsSync('/proc/self/cgroup') ? readFileSync('/proc/self/cgroup', 'utf8') : '',
  pid: process.pid,
  isAlive: () => true,
});

/** What the proxies' process is told. */
const commands: FleetCommand[] = [];
const proxies: FleetProcess = { send: (command) => void commands.push(command) };
const fleet = new ProxyFleet(proxies, () => '');
let directory: string;
let host: Host;
let networks: LoopbackNetworks;
let file: string;

beforeAll(async () => {
  directory = mkdtempSync(path.join(os.tmpdir(), 'lateen-pods-'));
  const own = { store, clock: systemClock, random: systemRandom, logger: silentLogger };
  mkdirSync(path.join(directory, 'logs'));
  networks = await LoopbackNetworks.claim();
  host = new Host({
    ...own,
    events: new EventRecorder(own),
    fleet,
    installedMeshConfig: () => '',
    images: new ImageMap([]),
    networks,
    xds: { address: '127.0.0.1', port: 1 },
    node: process.execPath,
    cgroups: cgroups instanceof Cgroups ? cgroups : undefined,
    machine: { cpus: 2, memoryBytes: 2 ** 30 },
    concurrency: 1,
    apiAddress: { address: '127.0.0.1', port: 6443 },
    apiAuthority: 'the authority',
    issueToken: ({ namespace, serviceAccount }) => `token of ${namespace}/${serviceAccount}`,
    inherited: { PATH: process.env['PATH'] ?? '' },
    logDirectory: path.join(directory, 'logs'),
    volumeDirectory: path.join(directory, 'volumes'),
  });
  host.start();
});
afterAll(async () => {
  await host.stop();
  await networks.close();
  rmSync(directory, { recursive: true, force: true });
});

let serial = 0;
beforeEach(() => {
  file = path.join(directory, `seen-${serial++}`);
});
afterEach(async () => {
  for (const { metadata } of (await store.list(podKind)).items) {
    await store.delete(podKind, 'default', metadata.name, { gracePeriodSeconds: 0 }).catch(() => undefined);
  }
});

const say = (word: string) => `echo ${word} >> "$SEEN"`;
const sh = (script: string) => ['sh', '-c', script];
const onWord = `trap '${say('term')}; exit 0' TERM; while :; do sleep 0.02; done`;
const seen = (): string[] => {
  try {
    return readFileSync(file, 'utf8').trim().split('\n');
  } catch {
    return [];
  }
};

const container = (fields: Partial<Container>): Container => ({ name: 'app', env: [{ name: 'SEEN', value: file }], ...fields });

async function create(spec: Partial<Pod['spec']>, proxyConfig?: string): Promise<void> {
  await store.create({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name: 'p',
      namespace: 'default',
      labels: { 'sidecar.istio.io/inject': String(proxyConfig !== undefined) },
      ...(proxyConfig !== undefined && { annotations: { 'proxy.istio.io/config': proxyConfig } }),
    },
    spec: { containers: [], ...spec },
  } as ApiObject);
}

const pod = async () => (await store.get(podKind, 'default', 'p')) as Pod | undefined;
const untilSeen = (...words: string[]) => until(`it has seen ${words}`, () => `${seen()}` === `${words}` || seen());
const untilRunning = () =>
  until('it runs', async () => {
    const { status } = (await pod())!;
    return 'running' in ((status?.containerStatuses?.[0]?.state ?? {}) as object) || JSON.stringify(status);
  });
const untilGone = () => until('it is gone', async () => (await pod()) === undefined);

test('hooks around the program; it stays, marked, until that has ended', async () => {
  const lifecycle = { postStart: { exec: { command: sh(say('started')) } }, preStop: { exec: { command: sh(say('stopping')) } } };
  await create({ containers: [container({ command: sh(onWord), lifecycle })] });
  await untilRunning();
  await untilSeen('started');
  const { metadata } = await store.delete(podKind, 'default', 'p');
  expect(metadata).toMatchObject({ deletionGracePeriodSeconds: 30, deletionTimestamp: expect.any(String) });
  expect(await pod()).toBeDefined();
  await untilGone();
  expect(seen()).toEqual(['started', 'stopping', 'term']);
});

test('a program that does not listen is ended by force when its time is over', async () => {
  await create({
    terminationGracePeriodSeconds: 1,
    containers: [container({ command: sh(`trap '${say('term')}' TERM; while :; do sleep 0.02; done`) })],
  });
  await untilRunning();
  await store.delete(podKind, 'default', 'p');
  await untilGone();
  expect(seen()).toEqual(['term']);
});

test('who is in a hurry does not wait for a hook', async () => {
  await create({ containers: [container({ command: sh(onWord), lifecycle: { preStop: { sleep: { seconds: 25 } } } })] });
  await untilRunning();
  await store.delete(podKind, 'default', 'p');
  await store.delete(podKind, 'default', 'p', { gracePeriodSeconds: 0 });
  expect(await pod()).toBeUndefined();
});

test('a hook after the start that fails: the program is started again, and people are told', async () => {
  const lifecycle = { postStart: { exec: { command: ['false'] } } };
  await create({ containers: [container({ command: sh(onWord), lifecycle })] });
  await until('it has been started again', async () => ((await pod())?.status?.containerStatuses?.[0]?.restartCount ?? 0) > 0);
  await until('an event says so', async () =>
    ((await store.list(eventKind)).items as Event[]).some(({ reason, message }) => {
      return reason === 'FailedPostStartHook' && message === 'PostStartHook of container app failed';
    }),
  );
});

const show = {
  command: sh('while :; do cat /etc/app/color >> "$SEEN"; sleep 0.02; done'),
  volumeMounts: [{ name: 'config', mountPath: '/etc/app' }],
};
const colors = (color: string) =>
  ({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'colors', namespace: 'default' }, data: { color: `${color}\n` } }) as ApiObject;

test('a volume waits for its ConfigMap, and follows it', async () => {
  await create({ volumes: [{ name: 'config', configMap: { name: 'colors' } }], containers: [container(show)] });
  await until('it says what is missing', async () => {
    const ready = (await pod())?.status?.conditions?.find(({ type }) => type === 'Ready');
    const message = 'MountVolume.SetUp failed for volume "config" : references non-existent configmap: default/colors';
    return (ready?.reason === 'ContainerCreating' && ready.message === message) || JSON.stringify(ready);
  });
  await store.create(colors('red'));
  await until('it reads it', () => seen()[0] === 'red');
  await store.update(colors('green'));
  await until('it reads the new one', () => seen().at(-1) === 'green');
  await store.delete(configMapKind, 'default', 'colors');
});

test('files that the pod is made of, and an empty folder that its containers share', async () => {
  const fields = { fieldRef: { fieldPath: 'metadata.name' }, path: 'name' };
  await create({
    restartPolicy: 'Never',
    volumes: [
      { name: 'self', projected: { sources: [{ downwardAPI: { items: [fields] } }, { serviceAccountToken: { path: 'token' } }] } },
      { name: 'shared', emptyDir: {} },
    ],
    initContainers: [
      container({
        name: 'first',
        command: sh('echo from the first > /shared/file'),
        volumeMounts: [{ name: 'shared', mountPath: '/shared' }],
      }),
    ],
    containers: [
      container({
        command: sh('for f in /self/name /self/token "$LATEEN_VOLUME_SHARED/file"; do cat $f; echo; done | grep . >> "$SEEN"'),
        env: [
          { name: 'SEEN', value: file },
          { name: 'CPUS', valueFrom: { resourceFieldRef: { resource: 'limits.cpu' } } },
        ],
        volumeMounts: [
          { name: 'self', mountPath: '/self' },
          { name: 'shared', mountPath: '/shared' },
        ],
      }),
    ],
  });
  await until('it has ended', async () => (await pod())?.status?.phase === 'Succeeded');
  expect(seen()).toEqual(['p', 'token of default/default', 'from the first']);
});

test('a sidecar runs before the others, beside them, and not beyond them', async () => {
  await create({
    restartPolicy: 'Never',
    initContainers: [container({ name: 'sidecar', restartPolicy: 'Always', command: sh(`${say('sidecar')}; ${onWord}`) })],
    containers: [container({ command: sh(`while ! grep -q sidecar "$SEEN"; do sleep 0.02; done; ${say('app')}`) })],
  });
  await untilSeen('sidecar', 'app', 'term');
  expect((await pod())?.status?.phase).toBe('Succeeded');
});

test.skipIf(!(cgroups instanceof Cgroups))(
  'what takes more memory than its limit is killed, and people are told (skipped where there are no cgroups)',
  async () => {
    const hungry = `const all = []; for (;;) all.push(Buffer.alloc(1e7, 1))`;
    await create({
      restartPolicy: 'Never',
      containers: [container({ command: [process.execPath, '-e', hungry], resources: { limits: { memory: '100Mi', cpu: '500m' } } })],
    });
    await until('it has been killed', async () => (await pod())?.status?.phase === 'Failed');
    expect((await pod())?.status?.containerStatuses?.[0]?.state).toMatchObject({ terminated: { reason: 'OOMKilled', exitCode: 137 } });
  },
);

test('a pod whose programs wait for its proxy, which has the time to end that ProxyConfig gives it', async () => {
  const proxyConfig = '{holdApplicationUntilProxyStarts: true, terminationDrainDuration: 7s, proxyMetadata: {ISTIO_META_A: b}}';
  await create({ containers: [container({ command: sh(`${say('started')}; ${onWord}`) })] }, proxyConfig);
  const added = () => commands.findLast((command) => command.type === 'add');
  await until('the proxy is to be started', () => added() !== undefined);
  const { id, bootstrap } = added()!;
  expect(bootstrap.node.metadata).toMatchObject({ A: 'b', PROXY_CONFIG: { terminationDrainDuration: '7s' } });
  expect((await pod())?.status?.containerStatuses ?? []).toEqual([]);
  expect(seen()).toEqual([]);
  fleet.receive({ type: 'serving', id }, proxies);
  await untilSeen('started');
  await store.delete(podKind, 'default', 'p');
  await until('callers are to leave', () => commands.at(-1)?.type === 'dismiss');
  expect(commands.at(-1)).toMatchObject({ id, withinMs: 7000 });
  expect(seen()).toEqual(['started']);
  fleet.receive({ type: 'dismissed', id }, proxies);
  await until('the proxy is to end', () => commands.at(-1)?.type === 'remove');
  expect(seen()).toEqual(['started', 'term']);
  expect(commands.at(-1)).toEqual({ type: 'remove', id, drainMs: 7000 });
  fleet.receive({ type: 'removed', id }, proxies);
  await untilGone();
});
