// A gRPC service of grpc-js whose messages are texts: all four kinds of call, metadata both ways, a status.
import * as grpc from '@grpc/grpc-js';

const bytes = { serialize: (text: string) => Buffer.from(text), deserialize: (buffer: Buffer) => buffer.toString() };
const method = (path: string, requestStream: boolean, responseStream: boolean) => ({
  path,
  requestStream,
  responseStream,
  requestSerialize: bytes.serialize,
  requestDeserialize: bytes.deserialize,
  responseSerialize: bytes.serialize,
  responseDeserialize: bytes.deserialize,
});
export const echoService = {
  unary: method('/test.Echo/Unary', false, false),
  down: method('/test.Echo/Down', false, true),
  up: method('/test.Echo/Up', true, false),
  both: method('/test.Echo/Both', true, true),
};

export type Handlers = grpc.UntypedServiceImplementation;
export const echo: Handlers = {
  unary: (call: grpc.ServerUnaryCall<string, string>, done: grpc.sendUnaryData<string>) => {
    const trailers = new grpc.Metadata();
    trailers.set('x-trailer', 'yes');
    if (call.request === 'fail') done({ code: grpc.status.FAILED_PRECONDITION, details: 'not today: 100%' });
    else done(null, `${call.request} ${call.metadata.get('x-test')}`, trailers);
  },
  down: (call: grpc.ServerWritableStream<string, string>) => {
    for (let i = 0; i < 100; i++) call.write(`${call.request}${i}`);
    call.end();
  },
  up: (call: grpc.ServerReadableStream<string, string>, done: grpc.sendUnaryData<string>) => {
    const parts: string[] = [];
    call.on('data', (part) => parts.push(part));
    call.on('end', () => done(null, parts.join(',')));
  },
  both: (call: grpc.ServerDuplexStream<string, string>) => {
    call.on('data', (part) => call.write(`got ${part}`));
    call.on('end', () => call.end());
  },
};

/** On a port of its own; `close` ends it at once. */
export async function startEcho(handlers: Handlers = echo): Promise<{ port: number; close(): void }> {
  const server = new grpc.Server();
  server.addService(echoService, handlers);
  const port = await new Promise<number>((resolve, reject) =>
    server.bindAsync('127.0.0.1:0', grpc.ServerCredentials.createInsecure(), (error, bound) => (error ? reject(error) : resolve(bound))),
  );
  return { port, close: () => server.forceShutdown() };
}
