// The subresource `proxy`: a request to a port of a pod, passed on by the API server, which reaches pods that its clients may not.
// Requests without a body alone.
import http, { type ServerResponse } from 'node:http';
import type { Pod } from '#api/kinds/pod';
import { StoreError } from '#store/store-error';

const answerMsMax = 30_000;
const methods = ['GET', 'HEAD', 'POST'];
/** Of one connection, not of the request. */
const ofConnection = ['connection', 'keep-alive', 'transfer-encoding', 'upgrade', 'proxy-connection'];

export interface ProxiedPath {
  /** As Kubernetes writes it behind the pod's name: `15000`; undefined: the first port of the first container. */
  port: string | undefined;
  /** With its query. */
  path: string;
}

/** `name` of `name`, `name:port`, `http:name:port`. */
export function podAndPort(name: string): { pod: string; port: string | undefined } {
  const parts = name.split(':');
  const [pod = '', port] = parts.length === 3 ? parts.slice(1) : parts;
  return { pod, port: port || undefined };
}

/** Writes the pod's answer to the response. Throws StoreError where there is nobody to ask, or no answer. */
export function proxyToPod(pod: Pod, method: string, { port, path }: ProxiedPath, response: () => ServerResponse): Promise<void> {
  const { name } = pod.metadata;
  const host = pod.status?.podIP;
  const number = Number(port ?? pod.spec.containers[0]?.ports?.[0]?.containerPort ?? 80);
  if (!methods.includes(method)) throw new StoreError('BAD_REQUEST', `${method} is not passed on to pods`);
  if (!(number >= 1 && number <= 65_535)) throw new StoreError('BAD_REQUEST', `"${port}" is no port of pod "${name}"`);
  if (!host) throw new StoreError('UNAVAILABLE', `pod "${name}" has no address yet`);
  return new Promise((resolve, reject) => {
    const fail = (why: string) => reject(new StoreError('UNAVAILABLE', `pod "${name}" at ${host}:${number}: ${why}`));
    const call = http.request({ host, port: number, method, path, agent: false, timeout: answerMsMax }, (answer) => {
      const headers = Object.entries(answer.headers).filter(([field]) => !ofConnection.includes(field));
      const out = response();
      out.writeHead(answer.statusCode ?? 502, Object.fromEntries(headers) as http.OutgoingHttpHeaders);
      answer.pipe(out);
      answer.once('error', () => out.destroy());
      out.once('close', () => {
        call.destroy();
        resolve();
      });
    });
    call.once('timeout', () => call.destroy(new Error(`no answer in ${answerMsMax} ms`)));
    call.on('error', (error) => fail(error.message));
    call.end();
  });
}
