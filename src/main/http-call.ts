// A program for inside of a pod: makes the HTTP call that its argument says, as JSON, and prints the answer, or why there is none.
import { type HttpCall, sendHttp } from '#explain/http-call';
import { messageOf } from '#foundation/mesh-error';

const call = JSON.parse(process.argv[2] ?? '') as HttpCall;
const answer = await sendHttp(call).catch((thrown: unknown) => ({ failure: messageOf(thrown) }));
process.stdout.write(JSON.stringify(answer));
