// Copies of a request for the route's mirrors: sent when the request is whole, and forgotten. Envoy's request_mirror_policies.
import { FieldRequestHead } from '#proxy/http/head';
import type { HttpStream } from '#proxy/http/stream';
import type { Mirror } from '#proxy/route/route';
import { ClusterCall } from '#proxy/upstream/cluster-call';

/** Nobody reads the answers: they are taken as far as a connection is worth keeping. */
const answerBytesMax = 1024 * 1024;
/** Where the route itself has no timeout: a copy must not hang for ever. */
const timeoutDefaultMs = 15_000;

/** The mirrors that get a copy of this request. */
export function chooseMirrors(stream: HttpStream, mirrors: readonly Mirror[]): readonly Mirror[] {
  if (stream.request.upgrade !== '') return [];
  return mirrors.filter(({ fraction }) => fraction >= 1 || stream.manager.runtime.random.next() < fraction);
}

/** The whole request is here. One that was too large to be kept is not copied. */
export function sendCopies(stream: HttpStream, mirrors: readonly Mirror[], timeoutMs: number): void {
  const { request, requestBody, manager } = stream;
  if (requestBody !== undefined && !requestBody.whole) return;
  const body = requestBody?.contents() ?? Buffer.alloc(0);
  const fields: [string, string][] = [];
  request.forEach((name, value) => {
    fields.push([name, value]);
  });
  for (const { cluster, shadowHost } of mirrors) {
    const authority = shadowHost ? shadowOf(request.authority) : request.authority;
    const head = new FieldRequestHead(request.method, authority, request.path, fields, request.scheme);
    const call = { cluster, head, body, timeoutMs: timeoutMs || timeoutDefaultMs, answerBytesMax };
    new ClusterCall(manager.runtime, call, () => {});
  }
}

/** `reviews:9080` -> `reviews-shadow:9080` */
function shadowOf(authority: string): string {
  const port = /:\d+$/.exec(authority)?.[0] ?? '';
  return `${authority.slice(0, authority.length - port.length)}-shadow${port}`;
}
