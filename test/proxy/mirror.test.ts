// Copies of requests: that they are sent, what they say, that nothing of them reaches the client. And what ends a gRPC call in time.
import { afterEach, expect, test } from 'vitest';
import { ManualClock } from '#foundation/clock';
import { exactly } from '#proxy/route/string-matcher';
import {
  Client,
  closer,
  cluster,
  faultFilters,
  forward,
  httpConfig,
  httpListener,
  httpPeer,
  ok,
  Peer,
  retryPolicy,
  route,
  routeTable,
  TestProxy,
} from './fixture.ts';

const open = closer();
afterEach(open.closeAll);

async function start(main: number, shadow: number, mirror: { fraction: number; shadowHost: boolean }) {
  const proxy = open.add(new TestProxy());
  proxy.runtime.clusters.set(cluster('main', [main]));
  proxy.runtime.clusters.set(cluster('shadow', [shadow]));
  const action = forward('main', { mirrors: [{ cluster: 'shadow', ...mirror }] });
  const port = await proxy.listen(httpListener(httpConfig(routeTable({ '*': route(action) }))));
  return { proxy, port, client: open.add(await Client.connect(port)) };
}

const requests = [
  { name: 'without a body', text: 'GET /a?b HTTP/1.1\r\nhost: svc:80\r\nx-a: 1\r\n\r\n', body: '' },
  { name: 'with a body', text: 'POST /a?b HTTP/1.1\r\nhost: svc:80\r\nx-a: 1\r\ncontent-length: 4\r\n\r\nbody', body: 'body' },
  {
    name: 'with a chunked body',
    text: 'POST /a?b HTTP/1.1\r\nhost: svc:80\r\nx-a: 1\r\ntransfer-encoding: chunked\r\n\r\n2\r\nbo\r\n2\r\ndy\r\n0\r\n\r\n',
    body: 'body',
  },
];

test.each(requests)('a request $name is copied', async ({ text, body }) => {
  const main = open.add(await httpPeer(ok('main;')));
  let seen!: (request: string) => void;
  const copied = new Promise<string>((resolve) => {
    seen = resolve;
  });
  const shadow = open.add(
    await httpPeer((request) => {
      seen(request);
      return ok('shadow;');
    }),
  );
  const { client } = await start(main.port, shadow.port, { fraction: 1, shadowHost: true });
  expect(await client.write(text).until(/main;|shadow;/)).toMatch(/main;$/);
  const copy = await copied;
  expect(copy).toMatch(/^(GET|POST) \/a\?b HTTP\/1.1\r\nhost: svc-shadow:80\r\n/);
  expect(copy).toContain('x-a: 1\r\n');
  expect(copy).toContain(body);
});

test.each([
  { name: 'a fraction of none is not copied', mirror: { fraction: 0, shadowHost: true }, text: requests[0]!.text },
  {
    name: 'a body larger than what is kept is not copied',
    mirror: { fraction: 1, shadowHost: true },
    text: `POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 200000\r\n\r\n${'x'.repeat(200_000)}`,
  },
])('$name', async ({ mirror, text }) => {
  const main = open.add(await httpPeer(ok('main;')));
  const shadow = open.add(await httpPeer(ok('shadow;')));
  const { client, proxy } = await start(main.port, shadow.port, mirror);
  await client.write(text).until('main;');
  await proxy.logged(1);
  await new Promise(setImmediate);
  expect(shadow.sockets.size).toBe(0);
});

test('a mirror that is dead, or hangs, harms nobody', async () => {
  const main = open.add(await httpPeer(ok('main;')));
  const silent = open.add(await Peer.listen((socket) => void socket.resume()));
  const { client, proxy } = await start(main.port, silent.port, { fraction: 1, shadowHost: false });
  await client.write(requests[0]!.text).until('main;');
  expect(await proxy.logged(1)).toMatchObject([{ status: 200, flags: '-' }]);
});

test.each([
  { name: 'a header of the response asks for a retry', header: 'x-retry: yes\r\n', tries: 2 },
  { name: 'another value does not', header: 'x-retry: no\r\n', tries: 1 },
])('retriable-headers: $name', async ({ header, tries }) => {
  const upstream = open.add(await httpPeer((_r, _s, i) => (i === 0 ? ok('first;', header) : ok('second;'))));
  const proxy = open.add(new TestProxy());
  proxy.runtime.clusters.set(cluster('a', [upstream.port]));
  const responseHeaders = [{ name: 'x-retry', test: exactly('yes'), invert: false, missingAsEmpty: false }];
  const action = forward('a', { retry: retryPolicy({ on: new Set(['retriable-headers']), responseHeaders }) });
  const port = await proxy.listen(httpListener(httpConfig(routeTable({ '*': route(action) }))));
  await open
    .add(await Client.connect(port))
    .write(requests[0]!.text)
    .until(/(first|second);/);
  expect((await proxy.logged(1))[0]).toMatchObject({ attempts: tries });
});

test('an abort with a gRPC status: clients of plain HTTP get the status that stands for it', async () => {
  const proxy = open.add(new TestProxy());
  const filters = faultFilters({ delay: undefined, abort: { httpStatus: 429, grpcStatus: 8, fraction: 1 } });
  const port = await proxy.listen(httpListener(httpConfig(routeTable({ '*': route(forward('a'), { filters }) }))));
  expect(
    await open
      .add(await Client.connect(port))
      .write(requests[0]!.text)
      .until('abort'),
  ).toMatch(/^HTTP\/1.1 429 /);
});

test('an exchange that takes too long is ended: DT', async () => {
  const clock = new ManualClock();
  const upstream = open.add(await Peer.listen((socket) => void socket.resume()));
  const proxy = open.add(new TestProxy({ clock }));
  proxy.runtime.clusters.set(cluster('a', [upstream.port]));
  const action = forward('a', { duration: { maxMs: 3000, grpcTimeoutMaxMs: undefined, grpcTimeoutOffsetMs: 0 } });
  const port = await proxy.listen(httpListener(httpConfig(routeTable({ '*': route(action) }))));
  const client = open.add(await Client.connect(port)).write(requests[0]!.text);
  while (proxy.log.length === 0) {
    clock.advance(500);
    await new Promise(setImmediate);
  }
  expect(await client.until('timeout')).toMatch(/^HTTP\/1.1 408 /);
  expect(proxy.log[0]).toMatchObject({ flags: 'DT', details: 'max_duration_timeout' });
});
