// gRPC of Node and of Python on both sides, in the clear and over TLS: four kinds of call, metadata, trailers, statuses.
import * as grpc from '@grpc/grpc-js';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { closer, deadPort } from '../proxy/fixture.ts';
import { echoService, startEcho } from '../proxy/grpc-echo.ts';
import { type Credentials, type Entrance, issueCredentials, openDoor } from './door.ts';
import { Running, run } from './program.ts';

/** Debian's: others do not have its packages. */
const python = '/usr/bin/python3';
const script = new URL('./grpc_peer.py', import.meta.url).pathname;
const name = 'bookinfo.test';

const expected = {
  unary: 'hello 42',
  trailer: 'yes',
  large: 1_000_001,
  down: 100,
  up: 'a,b,c',
  both: ['got 1', 'got 2'],
  status: 'FAILED_PRECONDITION',
  details: 'not today: 100%',
  unimplemented: 'UNIMPLEMENTED',
};

const opened = closer();
let credentials: Credentials;
let whyNoPython: string | undefined;

beforeAll(async () => {
  credentials = opened.add(await issueCredentials());
  const tried = await run(python, ['-c', 'import grpc']).catch(() => undefined);
  if (tried?.code !== 0) whyNoPython = 'python3-grpcio is not installed (Debian: apt-get install python3-grpcio)';
});
afterAll(() => opened.closeAll());

const servers: Readonly<Record<string, () => Promise<{ port: number; close(): void | Promise<void> }>>> = {
  'grpc-js': () => startEcho(),
  'python3-grpcio': async () => {
    const port = await deadPort();
    const running = await Running.start(python, [script, 'server', `127.0.0.1:${port}`], port);
    return { port, close: () => running.close() };
  },
};

const clients: Readonly<Record<string, (port: number, secured: boolean) => Promise<object>>> = {
  'grpc-js': askByNode,
  'python3-grpcio': async (port, secured) => {
    const trust = secured ? [`${credentials.directory}/ca.pem`, name] : [];
    const { stdout, stderr } = await run(python, [script, 'client', `127.0.0.1:${port}`, ...trust]);
    if (stdout.length === 0) throw new Error(stderr);
    return JSON.parse(stdout.toString());
  },
};

describe.each<Entrance>(['plain', 'tls'])('gRPC, %s', (entrance) => {
  for (const [client, ask] of Object.entries(clients)) {
    for (const [server, start] of Object.entries(servers)) {
      test(`${client} -> ${server}`, async ({ skip }) => {
        if (`${client}${server}`.includes('python') && whyNoPython !== undefined) skip(whyNoPython);
        const { port: backend } = opened.add(await start());
        const { port } = opened.add(await openDoor(entrance, credentials, { port: backend, protocol: 'http2' }));
        expect(await ask(port, entrance === 'tls')).toEqual(expected);
      });
    }
  }
});

async function askByNode(port: number, secured: boolean): Promise<object> {
  const trust = secured ? grpc.credentials.createSsl(Buffer.from(credentials.authority.certificate)) : grpc.credentials.createInsecure();
  const client = new grpc.Client(`127.0.0.1:${port}`, trust, { 'grpc.ssl_target_name_override': name });
  try {
    const { response, trailers } = await unary(client, echoService.unary.path, 'hello');
    const { path, requestSerialize, responseDeserialize } = echoService.down;
    const down = client.makeServerStreamRequest(path, requestSerialize, responseDeserialize, 'n');
    const both = client.makeBidiStreamRequest(echoService.both.path, requestSerialize, responseDeserialize);
    for (const part of ['1', '2']) both.write(part);
    both.end();
    const failed = await unary(client, echoService.unary.path, 'fail').catch((error: grpc.ServiceError) => error);
    const unknown = await unary(client, '/test.Echo/Nothing', '').catch((error: grpc.ServiceError) => error);
    return {
      unary: response,
      trailer: trailers.get('x-trailer')[0],
      large: (await unary(client, echoService.unary.path, 'x'.repeat(1_000_000), new grpc.Metadata())).response.length,
      down: (await collected(down)).length,
      up: await up(client, ['a', 'b', 'c']),
      both: await collected(both),
      status: 'code' in failed ? grpc.status[failed.code] : 'OK',
      details: 'details' in failed ? failed.details : '',
      unimplemented: 'code' in unknown ? grpc.status[unknown.code] : 'OK',
    };
  } finally {
    client.close();
  }
}

function tested(): grpc.Metadata {
  const metadata = new grpc.Metadata();
  metadata.set('x-test', '42');
  return metadata;
}

function unary(
  client: grpc.Client,
  path: string,
  request: string,
  metadata = tested(),
): Promise<{ response: string; trailers: grpc.Metadata }> {
  return new Promise((resolve, reject) => {
    let response = '';
    const { requestSerialize, responseDeserialize } = echoService.unary;
    const call = client.makeUnaryRequest(path, requestSerialize, responseDeserialize, request, metadata, (error, value) => {
      if (error) reject(error);
      else response = value!;
    });
    call.on('status', (status) => {
      if (status.code === grpc.status.OK) resolve({ response, trailers: status.metadata });
    });
  });
}

function up(client: grpc.Client, parts: readonly string[]): Promise<string> {
  return new Promise((resolve, reject) => {
    const { path, requestSerialize, responseDeserialize } = echoService.up;
    const call = client.makeClientStreamRequest(path, requestSerialize, responseDeserialize, (error, value) => {
      if (error) reject(error);
      else resolve(value!);
    });
    for (const part of parts) call.write(part);
    call.end();
  });
}

async function collected(call: AsyncIterable<string>): Promise<string[]> {
  const parts: string[] = [];
  for await (const part of call) parts.push(part);
  return parts;
}
