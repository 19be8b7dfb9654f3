// A process for each proxy: started with it, told again at each start, ended when its proxy has left or when it dies while leaving.
import { expect, test } from 'vitest';
import type { FleetReport } from '#host/proxy-fleet';
import { ProxyPerPod, type ProxyProcessEvents } from '#host/proxy-per-pod';
import type { ProxyBootstrap } from '#proxy/bootstrap';

function perPod() {
  const said: string[] = [];
  const events = new Map<string, ProxyProcessEvents>();
  const fleet = new ProxyPerPod(
    (id, its) => {
      events.set(id, its);
      return {
        start: () => void said.push(`start ${id}`),
        stop: async () => void said.push(`stop ${id}`),
        send: ({ type }) => void said.push(`${id} < ${type}`),
      };
    },
    (report) => void said.push(`> ${report.type} ${'id' in report ? report.id : ''}`.trim()),
  );
  const add = (id: string) => fleet.send({ type: 'add', id, bootstrap: {} as ProxyBootstrap });
  const report = (id: string, type: FleetReport['type']) => events.get(id)!.report({ type, id } as FleetReport);
  /** What has been said since this was asked. */
  const heard = () => said.splice(0);
  return { fleet, add, report, heard, die: (id: string) => events.get(id)!.ended() };
}

test('each has its own, which is told of its proxy at each of its starts', () => {
  const { add, report, heard, die } = perPod();
  add('a');
  add('b');
  add('a');
  expect(heard()).toEqual(['start a', 'start b']);
  report('a', 'up');
  report('a', 'serving');
  expect(heard()).toEqual(['a < add', '> serving a']);
  die('a');
  report('a', 'up');
  expect(heard()).toEqual(['> dismissed a', 'a < add']);
});

test('a proxy that has left leaves no process, and one that dies on the way has left', () => {
  const { fleet, add, report, heard, die } = perPod();
  for (const id of ['a', 'b']) {
    add(id);
    fleet.send({ type: 'remove', id, drainMs: 1 });
  }
  report('a', 'removed');
  die('b');
  expect(heard()).toEqual([
    'start a',
    'a < remove',
    'start b',
    'b < remove',
    'stop a',
    '> removed a',
    '> dismissed b',
    'stop b',
    '> removed b',
  ]);
  add('a');
  expect(heard()).toEqual(['start a']);
});

test('a token goes to who has asked for it; the end of all is the end of each', async () => {
  const { fleet, add, report, heard } = perPod();
  add('a');
  add('b');
  report('b', 'token wanted');
  fleet.send({ type: 'token', id: 'b', token: 't' });
  await fleet.stop();
  expect(heard()).toEqual(['start a', 'start b', '> token wanted b', 'b < token', 'stop a', 'stop b']);
});
