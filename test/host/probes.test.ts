// Probes of a container: thresholds, periods, and what one says while another has not spoken yet. Kubernetes' rules, on a clock of the test's.
import net from 'node:net';
import { expect, test } from 'vitest';
import { ManualClock } from '#foundation/clock';
import type { Container } from '#host/container';
import { ContainerProbes } from '#host/container-probes';
import { ask } from '#host/probe';

const at = { host: '127.0.0.1' };
const exec = (word: string) => ({ exec: { command: [word] } });

/** What happens within some seconds; `answers`: by command, whether it succeeds at each second. */
async function events(
  container: Partial<Container>,
  answers: Record<string, (second: number) => boolean>,
  seconds: number,
): Promise<string[]> {
  const clock = new ManualClock();
  const began = clock.now();
  const second = () => Math.floor((clock.now() - began) / 1000);
  const happened: string[] = [];
  const probed = {
    container: { name: 'a', ...container } as Container,
    at,
    wallMs: () => clock.wallMs(),
    exec: async ([word = '']: readonly string[]) => (answers[word]?.(second()) ? 0 : 1),
  };
  const probes = new ContainerProbes(probed, clock, {
    ready: (ready) => happened.push(`${second()} ${ready ? 'ready' : 'not ready'}`),
    dead: (which) => happened.push(`${second()} ${which}`),
  });
  probes.begin();
  for (let ms = 0; ms < seconds * 1000; ms += 50) {
    clock.advance(50);
    for (let turn = 0; turn < 5; turn++) await Promise.resolve();
  }
  probes.end();
  return happened;
}

const readinessProbe = { ...exec('ready'), periodSeconds: 2, failureThreshold: 2 };
const livenessProbe = { ...exec('alive'), periodSeconds: 1, failureThreshold: 3 };
const startupProbe = { ...exec('started'), periodSeconds: 1, failureThreshold: 5 };

test.each<[string, Partial<Container>, Record<string, (second: number) => boolean>, string[]]>([
  ['ready as soon as it says so', { readinessProbe }, { ready: (second) => second >= 3 }, ['3 ready']],
  [
    'not ready after two failures, ready again',
    { readinessProbe },
    { ready: (second) => second < 5 || second > 10 },
    ['0 ready', '8 not ready', '11 ready'],
  ],
  ['one failure is none', { readinessProbe }, { ready: (second) => second !== 4 }, ['0 ready']],
  ['several successes are asked for', { readinessProbe: { ...readinessProbe, successThreshold: 3 } }, { ready: () => true }, ['0 ready']],
  [
    'dead after three failures, and told again',
    { livenessProbe, readinessProbe },
    { ready: () => true, alive: (second) => second < 4 },
    ['0 ready', '6 liveness', '9 liveness', '12 liveness', '15 liveness', '18 liveness'],
  ],
  [
    'its first delay is kept',
    { livenessProbe: { ...livenessProbe, initialDelaySeconds: 15 }, readinessProbe },
    { ready: () => true, alive: () => false },
    ['0 ready', '17 liveness'],
  ],
  [
    'others wait for the start',
    { startupProbe, livenessProbe, readinessProbe },
    { started: (second) => second >= 3, ready: () => true, alive: () => true },
    ['3 ready'],
  ],
  ['a start that does not come', { startupProbe, readinessProbe }, { ready: () => true }, ['5 startup', '10 startup', '15 startup']],
])('%s', async (_, container, answers, expected) => {
  expect(await events(container, answers, 19)).toEqual(expected);
});

test('without a probe, a program is ready when its ports accept', async () => {
  const server = net.createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  const { port } = server.address() as net.AddressInfo;
  const probed = (containerPort: number) => ({
    container: { name: 'a', ports: [{ name: 'web', containerPort }] } as Container,
    at,
    wallMs: () => 0,
    exec: async () => 1,
  });
  try {
    expect(await ask({ tcpSocket: { port: 'web' } }, probed(port))).toBe(true);
    expect(await ask({ tcpSocket: { port: 1 } }, probed(port))).toBe(false);
    expect(await ask({ httpGet: { port: 1 } }, probed(port))).toBe(false);
    expect(await ask({}, probed(port))).toBe(true);
  } finally {
    server.close();
  }
});
