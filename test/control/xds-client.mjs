// A gRPC client of xDS that nobody here wrote: @grpc/grpc-js-xds. Run by grpc-xds.test.ts as a process of its own,
// because it reads its bootstrap when it is imported. Arguments: target, number of calls. Prints how often each answered.
import * as grpc from '@grpc/grpc-js';
import * as xds from '@grpc/grpc-js-xds';

xds.register();
const [target, calls] = process.argv.slice(2);
const same = (value) => value;
const client = new grpc.Client(target, grpc.credentials.createInsecure());
const call = () =>
  new Promise((resolve, reject) => {
    const deadline = Date.now() + 20_000;
    client.makeUnaryRequest('/test.Who/Ask', same, same, Buffer.alloc(0), new grpc.Metadata(), { deadline }, (error, reply) =>
      error ? reject(error) : resolve(reply.toString()),
    );
  });
const counts = {};
try {
  for (let done = 0; done < Number(calls); ) {
    const batch = Math.min(50, Number(calls) - done);
    for (const name of await Promise.all(Array.from({ length: batch }, call))) counts[name] = (counts[name] ?? 0) + 1;
    done += batch;
  }
  console.log(JSON.stringify(counts));
  process.exit(0);
} catch (error) {
  console.error(String(error));
  process.exit(1);
}
