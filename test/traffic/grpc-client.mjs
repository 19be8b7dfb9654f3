// A gRPC client of xDS that nobody here wrote: @grpc/grpc-js-xds, in a process of its own, because it reads its bootstrap when it is imported.
// Lines of JSON: `{id, target, path, metadata}` is a call, answered by `{id, code, details, message}`; `{id, close: true}` gives up every channel.
import { createInterface } from 'node:readline';
import * as grpc from '@grpc/grpc-js';
import * as xds from '@grpc/grpc-js-xds';

const callMsMax = 20_000;

xds.register();
const channels = new Map();
const same = (value) => value;

function channelTo(target) {
  let channel = channels.get(target);
  if (!channel) channels.set(target, (channel = new grpc.Client(target, grpc.credentials.createInsecure())));
  return channel;
}

function call({ target, path, metadata }) {
  const sent = new grpc.Metadata();
  for (const [name, value] of Object.entries(metadata)) sent.set(name, value);
  const deadline = Date.now() + callMsMax;
  return new Promise((resolve) => {
    channelTo(target).makeUnaryRequest(path, same, same, Buffer.alloc(0), sent, { deadline }, (error, reply) =>
      resolve(error ? { code: error.code, details: error.details, message: '' } : { code: 0, details: '', message: reply.toString() }),
    );
  });
}

function close() {
  for (const channel of channels.values()) channel.close();
  channels.clear();
}

const answer = (id, result) => process.stdout.write(`${JSON.stringify({ id, ...result })}\n`);

createInterface({ input: process.stdin })
  .on('line', (line) => {
    const { id, ...asked } = JSON.parse(line);
    if (asked.close) answer(id, close());
    else void call(asked).then((result) => answer(id, result));
  })
  .on('close', () => process.exit(0));
