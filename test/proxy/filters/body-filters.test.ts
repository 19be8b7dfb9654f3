// Filters that look into bodies: buffering, gRPC-web, compression in both directions, also with readers that are slow.
import { brotliDecompressSync, gunzipSync, gzipSync } from 'node:zlib';
import { afterEach, describe, expect, test } from 'vitest';
import { Buffer as BufferConfig } from '#codec/protobuf/generated/envoy/extensions/filters/http/buffer/v3/buffer';
import { Compressor } from '#codec/protobuf/generated/envoy/extensions/filters/http/compressor/v3/compressor';
import { Decompressor } from '#codec/protobuf/generated/envoy/extensions/filters/http/decompressor/v3/decompressor';
import { bufferType } from '#proxy/filters/http/buffer';
import { compressorType } from '#proxy/filters/http/compressor';
import { decompressorType } from '#proxy/filters/http/decompressor';
import { grpcWebType } from '#proxy/filters/http/grpc-web';
import { configured } from '#proxy/http/http-filter';
import { closer, cluster, forward, httpPeer, ok, route } from '../fixture.ts';
import { entry, findingsOf, get, startFiltered } from './filter-fixture.ts';

const open = closer();
afterEach(open.closeAll);

async function start(filters: Parameters<typeof startFiltered>[1]['filters'], answer: Parameters<typeof httpPeer>[0] = ok()) {
  const upstream = open.add(await httpPeer(answer));
  const started = await startFiltered(open, { filters, clusters: [cluster('a', [upstream.port])], routes: route(forward('a')) });
  return { ...started, upstream };
}

const library = (name: string) => ({ name, typedConfig: { typeUrl: `type.googleapis.com/${name}`, value: Buffer.alloc(0) } });
const gzip = library('envoy.extensions.compression.gzip.compressor.v3.Gzip');
const brotli = library('envoy.extensions.compression.brotli.compressor.v3.Brotli');
const gunzip = library('envoy.extensions.compression.gzip.decompressor.v3.Gzip');

/** The body of a response in chunks, as latin1. */
function chunked(response: string): Buffer {
  let rest = response.slice(response.indexOf('\r\n\r\n') + 4);
  let body = '';
  for (;;) {
    const line = rest.indexOf('\r\n');
    const size = Number.parseInt(rest.slice(0, line), 16);
    if (size === 0) return Buffer.from(body, 'latin1');
    body += rest.slice(line + 2, line + 2 + size);
    rest = rest.slice(line + 4 + size);
  }
}

describe('buffer', () => {
  const filters = [entry(bufferType, BufferConfig, { maxRequestBytes: 100_000 })];

  test('the upstream sees nothing before all is there, and then the length', async () => {
    const { send, upstream } = await start(filters);
    await send('POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n2\r\nbo\r\n2\r\ndy\r\n0\r\n\r\n', 'ok');
    expect(upstream.requests[0]).toMatch(/content-length: 4\r\n[\s\S]*\r\n\r\nbody$/);
  });

  test('a body larger than a connection takes unread goes through whole', async () => {
    const { send, upstream } = await start(filters);
    const body = 'x'.repeat(99_000);
    await send(`POST / HTTP/1.1\r\nhost: a\r\ncontent-length: ${body.length}\r\n\r\n${body}`, 'ok');
    expect(upstream.requests[0]?.endsWith(body)).toBe(true);
  });

  test('more is refused: 413', async () => {
    const { send, upstream } = await start(filters);
    const answer = await send(`POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 200000\r\n\r\n${'x'.repeat(150_000)}`);
    expect(answer).toMatch(/^HTTP\/1.1 413 /);
    expect(upstream.requests).toEqual([]);
  });

  test('no bound is no configuration', () => {
    expect(findingsOf(bufferType, BufferConfig, {})).toEqual(['filter.max_request_bytes: must be above 0']);
  });
});

describe('grpc-web', () => {
  const answer =
    'HTTP/1.1 200 OK\r\ncontent-type: application/grpc+proto\r\ntransfer-encoding: chunked\r\n\r\n5\r\n\0\0\0\0\0\r\n0\r\ngrpc-status: 0\r\n\r\n';
  const trailer = Buffer.concat([Buffer.from([0x80, 0, 0, 0, 16]), Buffer.from('grpc-status: 0\r\n')]);

  test.each([
    { name: 'binary', type: 'application/grpc-web+proto', body: '\0\0\0\0\0', decode: (body: Buffer) => body },
    {
      name: 'text',
      type: 'application/grpc-web-text',
      // Two encodings, each with its padding.
      body: `${Buffer.from([0, 0]).toString('base64')}${Buffer.from([0, 0, 0]).toString('base64')}`,
      decode: (body: Buffer) => Buffer.from(body.toString('latin1'), 'base64'),
    },
  ])('$name', async ({ type, body, decode }) => {
    const { send, upstream } = await start([configured(grpcWebType, 'filter', undefined)], answer);
    const response = await send(
      `POST /s/m HTTP/1.1\r\nhost: a\r\ncontent-type: ${type}\r\ncontent-length: ${body.length}\r\n\r\n${body}`,
      /\r\n0\r\n\r\n$/,
    );
    expect(upstream.requests[0]).toMatch(/content-type: application\/grpc(\+proto)?\r\n/);
    expect(upstream.requests[0]).toContain('5\r\n\0\0\0\0\0\r\n');
    expect(response).toMatch(new RegExp(`content-type: application/grpc-web${type.includes('text') ? '-text' : ''}\\+proto\r\n`));
    expect(decode(chunked(response))).toEqual(Buffer.concat([Buffer.alloc(5), trailer]));
  });

  test('others pass untouched', async () => {
    const { send, upstream } = await start([configured(grpcWebType, 'filter', undefined)]);
    await send(get(), 'ok');
    expect(upstream.requests[0]).not.toContain('te: trailers');
  });
});

describe('compressor', () => {
  const text = 'all work and no play makes jack a dull boy. '.repeat(10_000);
  const html = 'content-type: text/html; charset=utf-8\r\netag: "1"\r\n';

  test.each([
    { name: 'gzip', compressor: gzip, encoding: 'gzip', decompress: gunzipSync },
    { name: 'brotli', compressor: brotli, encoding: 'br', decompress: brotliDecompressSync },
  ])('$name', async ({ compressor, encoding, decompress }) => {
    const { send } = await start([entry(compressorType, Compressor, { compressorLibrary: compressor })], ok(text, html));
    const response = await send(get('/', `accept-encoding: deflate, ${encoding};q=0.5`), /\r\n0\r\n\r\n$/);
    expect(response).toContain(`content-encoding: ${encoding}\r\n`);
    expect(response).toContain('vary: Accept-Encoding\r\n');
    expect(response).not.toMatch(/content-length|etag/);
    expect(decompress(chunked(response)).toString() === text).toBe(true);
  });

  test.each([
    { name: 'a client that does not ask', lines: [], headers: html },
    { name: 'a client that forbids it', lines: ['accept-encoding: gzip;q=0, *'], headers: html },
    { name: 'a type that is not listed', lines: ['accept-encoding: gzip'], headers: 'content-type: image/png\r\n' },
    { name: 'what is compressed already', lines: ['accept-encoding: gzip'], headers: `${html}content-encoding: br\r\n` },
    { name: 'what must not be transformed', lines: ['accept-encoding: gzip'], headers: `${html}cache-control: no-transform\r\n` },
  ])('not for $name', async ({ lines, headers }) => {
    const { send } = await start([entry(compressorType, Compressor, { compressorLibrary: gzip })], ok(text, headers));
    expect(await send(get('/', ...lines), /boy\. $/)).not.toContain('content-encoding: gzip');
  });

  test('requests, where that is asked for: those that are large enough and not compressed', async () => {
    const requestDirectionConfig = { commonConfig: { enabled: { defaultValue: true, runtimeKey: '' }, minContentLength: 100 } };
    const { send, upstream } = await start([entry(compressorType, Compressor, { compressorLibrary: gzip, requestDirectionConfig })]);
    const post = (body: string, lines = '') =>
      send(`POST / HTTP/1.1\r\nhost: a\r\ncontent-type: text/plain\r\ncontent-length: ${body.length}\r\n${lines}\r\n${body}`, 'ok');
    await post(text.slice(0, 5000));
    await post('short');
    await post('x'.repeat(200), 'content-encoding: br\r\n');
    const [large = '', ...others] = upstream.requests;
    expect(large).toMatch(/content-encoding: gzip\r\n/);
    expect(large).not.toMatch(/content-length/i);
    expect(gunzipSync(chunked(large)).toString()).toBe(text.slice(0, 5000));
    for (const request of others) expect(request).not.toContain('content-encoding: gzip');
  });

  test('an unknown library is refused by name', () => {
    expect(findingsOf(compressorType, Compressor, { compressorLibrary: library('envoy.Zstd') })[0]).toContain(
      'envoy.Zstd is not supported',
    );
  });
});

describe('decompressor', () => {
  const filters = [entry(decompressorType, Decompressor, { decompressorLibrary: gunzip })];
  const text = 'decompressed;'.repeat(5_000);

  test('requests and responses', async () => {
    const packed = gzipSync(text).toString('latin1');
    const { send, upstream } = await start(filters, ok(packed, 'content-encoding: gzip\r\n'));
    const response = await send(
      `POST / HTTP/1.1\r\nhost: a\r\ncontent-encoding: gzip\r\ncontent-length: ${packed.length}\r\n\r\n${packed}`,
      /\r\n0\r\n\r\n$/,
    );
    expect(upstream.requests[0]).toContain('accept-encoding: gzip\r\n');
    expect(upstream.requests[0]).not.toContain('content-encoding');
    expect(chunked(upstream.requests[0]!).toString() === text).toBe(true);
    expect(response).not.toContain('content-encoding');
    expect(chunked(response).toString() === text).toBe(true);
  });

  test('a body that is no gzip: 400', async () => {
    const { send } = await start(filters);
    const answer = await send('POST / HTTP/1.1\r\nhost: a\r\ncontent-encoding: gzip\r\ncontent-length: 4\r\n\r\nnope', 'malformed');
    expect(answer).toMatch(/^HTTP\/1.1 400 /);
  });
});
