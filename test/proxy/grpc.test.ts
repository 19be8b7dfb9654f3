// gRPC through the proxy: grpc-js as client and as server, all four kinds of call, deadlines, cancelling, retries, local replies.
import * as grpc from '@grpc/grpc-js';
import { afterEach, describe, expect, test } from 'vitest';
import type { ForwardAction } from '#proxy/route/route';
import { closer, cluster, forward, httpConfig, httpListener, retryPolicy, route, routeTable, TestProxy } from './fixture.ts';
import { echo, echoService, type Handlers, startEcho } from './grpc-echo.ts';
import { http2Peer } from './http2-peers.ts';

const opened = closer();
afterEach(opened.closeAll);

async function grpcServer(handlers: Handlers): Promise<number> {
  return opened.add(await startEcho(handlers)).port;
}

async function proxied(
  port: number,
  changes: Partial<ForwardAction> = {},
): Promise<{ client: grpc.Client; proxy: TestProxy; port: number }> {
  const proxy = opened.add(new TestProxy());
  proxy.runtime.clusters.set(cluster('up', [port], { protocol: 'http2' }));
  const listening = await proxy.listen(httpListener(httpConfig(routeTable({ '*': route(forward('up', changes)) }))));
  const client = opened.add(new grpc.Client(`127.0.0.1:${listening}`, grpc.credentials.createInsecure()));
  return { client, proxy, port: listening };
}

function unary(
  client: grpc.Client,
  request: string,
  options: grpc.CallOptions = {},
): Promise<{ response: string; trailers: grpc.Metadata }> {
  const metadata = new grpc.Metadata();
  metadata.set('x-test', '42');
  return new Promise((resolve, reject) => {
    let trailers = new grpc.Metadata();
    let response = '';
    const { path, requestSerialize, responseDeserialize } = echoService.unary;
    const call = client.makeUnaryRequest(path, requestSerialize, responseDeserialize, request, metadata, options, (error, value) => {
      if (error) reject(error);
      else response = value!;
    });
    call.on('status', (status) => {
      trailers = status.metadata;
      if (status.code === 0) resolve({ response, trailers });
    });
  });
}

describe('calls', () => {
  test('unary, with metadata both ways', async () => {
    const { client, proxy } = await proxied(await grpcServer(echo));
    const { response, trailers } = await unary(client, 'hello');
    expect(response).toBe('hello 42');
    expect(trailers.get('x-trailer')).toEqual(['yes']);
    expect(await proxy.logged(1)).toMatchObject([
      { method: 'POST', path: '/test.Echo/Unary', status: 200, flags: '-', details: 'via_upstream' },
    ]);
  });

  test('a status of the server', async () => {
    const { client } = await proxied(await grpcServer(echo));
    await expect(unary(client, 'fail')).rejects.toMatchObject({ code: grpc.status.FAILED_PRECONDITION, details: 'not today: 100%' });
  });

  test('streaming down', async () => {
    const { client } = await proxied(await grpcServer(echo));
    const { path, requestSerialize, responseDeserialize } = echoService.down;
    const parts: string[] = [];
    for await (const part of client.makeServerStreamRequest(path, requestSerialize, responseDeserialize, 'n')) parts.push(part);
    expect(parts).toEqual(Array.from({ length: 100 }, (_, i) => `n${i}`));
  });

  test('streaming up', async () => {
    const { client } = await proxied(await grpcServer(echo));
    const { path, requestSerialize, responseDeserialize } = echoService.up;
    const answer = await new Promise<string>((resolve, reject) => {
      const call = client.makeClientStreamRequest<string, string>(path, requestSerialize, responseDeserialize, (error, value) =>
        error ? reject(error) : resolve(value!),
      );
      for (const part of ['a', 'b', 'c']) call.write(part);
      call.end();
    });
    expect(answer).toBe('a,b,c');
  });

  test('streaming both ways, in turns', async () => {
    const { client } = await proxied(await grpcServer(echo));
    const { path, requestSerialize, responseDeserialize } = echoService.both;
    const call = client.makeBidiStreamRequest<string, string>(path, requestSerialize, responseDeserialize);
    const heard: string[] = [];
    for (const part of ['a', 'b', 'c']) {
      call.write(part);
      heard.push(await new Promise((resolve) => call.once('data', resolve)));
    }
    call.end();
    expect(heard).toEqual(['got a', 'got b', 'got c']);
    const status = await new Promise<grpc.StatusObject>((resolve) => call.on('status', resolve));
    expect(status.code).toBe(0);
  });
});

describe('ends', () => {
  /** Hears of calls, and of their being cancelled. */
  function silent() {
    let heard = () => {};
    let cancelled = () => {};
    const hears = new Promise<void>((resolve) => (heard = resolve));
    const cancels = new Promise<void>((resolve) => (cancelled = resolve));
    const unanswered = (call: grpc.ServerUnaryCall<string, string>) => {
      call.on('cancelled', cancelled);
      heard();
    };
    return { handlers: { ...echo, unary: unanswered }, hears, cancels };
  }

  test('a deadline reaches the server as the end of the call', async () => {
    const { handlers, cancels } = silent();
    const { client } = await proxied(await grpcServer(handlers));
    await expect(unary(client, 'x', { deadline: Date.now() + 200 })).rejects.toMatchObject({ code: grpc.status.DEADLINE_EXCEEDED });
    await cancels;
  });

  test('cancelling does too', async () => {
    const { handlers, hears, cancels } = silent();
    const { client, proxy } = await proxied(await grpcServer(handlers));
    const { path, requestSerialize, responseDeserialize } = echoService.unary;
    const call = client.makeUnaryRequest(path, requestSerialize, responseDeserialize, 'x', () => {});
    await hears;
    call.cancel();
    await cancels;
    expect(await proxy.logged(1)).toMatchObject([{ flags: 'DC' }]);
  });

  test('without an upstream the client reads a status of gRPC', async () => {
    const peer = await http2Peer(() => {});
    await peer.close();
    const { client, proxy } = await proxied(peer.port);
    await expect(unary(client, 'x')).rejects.toMatchObject({ code: grpc.status.UNAVAILABLE, details: /^upstream connect error/ });
    expect(await proxy.logged(1)).toMatchObject([{ status: 200, flags: 'UF' }]);
  });

  test('without a route too', async () => {
    const proxy = opened.add(new TestProxy());
    const port = await proxy.listen(httpListener(httpConfig(routeTable({}))));
    const client = opened.add(new grpc.Client(`127.0.0.1:${port}`, grpc.credentials.createInsecure()));
    await expect(unary(client, 'x')).rejects.toMatchObject({ code: grpc.status.UNIMPLEMENTED });
  });
});

describe('retries', () => {
  test.each([
    ['unavailable', grpc.status.UNAVAILABLE],
    ['cancelled', grpc.status.CANCELLED],
    ['resource-exhausted', grpc.status.RESOURCE_EXHAUSTED],
    ['deadline-exceeded', grpc.status.DEADLINE_EXCEEDED],
    ['internal', grpc.status.INTERNAL],
  ])('%s', async (word, code) => {
    let tries = 0;
    const handlers: Handlers = {
      ...echo,
      unary: (call: grpc.ServerUnaryCall<string, string>, done: grpc.sendUnaryData<string>) =>
        ++tries < 3 ? done({ code, details: 'again' }) : done(null, call.request),
    };
    const { client, proxy } = await proxied(await grpcServer(handlers), { retry: retryPolicy({ on: new Set([word]) }) });
    expect((await unary(client, 'hello')).response).toBe('hello');
    expect(await proxy.logged(1)).toMatchObject([{ attempts: 3 }]);
  });

  test('a status that is not named is passed on', async () => {
    const { client, proxy } = await proxied(await grpcServer(echo), { retry: retryPolicy({ on: new Set(['unavailable']) }) });
    await expect(unary(client, 'fail')).rejects.toMatchObject({ code: grpc.status.FAILED_PRECONDITION });
    expect(await proxy.logged(1)).toMatchObject([{ attempts: 1 }]);
  });
});
