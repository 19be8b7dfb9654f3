// Sends a call for real: by the HTTP proxy of a workload, or to the ingress gateway, as programs of this machine's mesh do. What came
// back is the client's view; which clusters were asked is the proxy's own record.
import http from 'node:http';
import { getJson } from '#cli/http-json';
import { MeshError } from '#foundation/mesh-error';
import { below, type HttpAccess } from '#net/http-access';
import { parseCall } from './call.ts';
import { httpProxyListener } from './connection.ts';
import type { Call, Explanation } from './explanation.ts';
import type { LiveProxy } from './live-proxy.ts';

const timeoutMs = 30_000;
const bodyBytesMax = 64 * 1024;

export interface LiveAnswer {
  status: number;
  location: string | undefined;
  /** Its first 64 KB. */
  body: string;
  /** Clusters that the proxy sent requests to meanwhile. Other traffic of the same proxy counts as well. */
  asked: ReadonlySet<string>;
}

/** Throws MeshError UNAVAILABLE where the proxy cannot be reached, NOT_SENT where nothing listens for such calls. */
export async function sendCall(call: Call, explanation: Explanation, { proxy, tables, admin }: LiveProxy): Promise<LiveAnswer> {
  const { request } = parseCall(call);
  const name = proxy.type === 'router' ? explanation.listener : httpProxyListener(tables.listeners)?.name;
  const at = name === undefined ? undefined : await boundAddress(admin, name);
  if (at === undefined) {
    throw new MeshError('NOT_SENT', `the proxy ${proxy.name} has no listener that takes the call from here`, {
      hint: 'calls are sent through proxies of a mesh on this machine',
    });
  }
  const before = await requestCounts(admin);
  const answer = await send({
    ...at,
    method: call.method,
    path: proxy.type === 'router' ? request.path : `http://${request.authority}${request.path}`,
    headers: { ...call.headers, host: request.authority },
  });
  const after = await requestCounts(admin);
  return {
    ...answer,
    asked: new Set([...after].filter(([cluster, count]) => count > (before.get(cluster) ?? 0)).map(([cluster]) => cluster)),
  };
}

async function boundAddress(admin: HttpAccess, name: string): Promise<{ host: string; port: number } | undefined> {
  const { listener_statuses: listeners = [] } = (await getJson(below(admin, '/listeners?format=json'), 'the proxy')) as {
    listener_statuses?: { name: string; local_address: { socket_address: { address: string; port_value: number } } }[];
  };
  const address = listeners.find((listener) => listener.name === name)?.local_address.socket_address;
  return address && { host: address.address, port: address.port_value };
}

const countName = /^cluster\.(.+)\.upstream_rq_total$/;

async function requestCounts(admin: HttpAccess): Promise<Map<string, number>> {
  const { stats } = (await getJson(below(admin, '/stats?format=json&filter=upstream_rq_total'), 'the proxy')) as {
    stats: { name: string; value: number }[];
  };
  return new Map(
    stats.flatMap(({ name, value }) => {
      const cluster = countName.exec(name)?.[1];
      return cluster === undefined ? [] : [[cluster, value] as const];
    }),
  );
}

function send(options: http.RequestOptions): Promise<Omit<LiveAnswer, 'asked'>> {
  return new Promise((resolve, reject) => {
    const fail = (error: Error) => reject(new MeshError('UNAVAILABLE', `the call got no answer: ${error.message}`, { cause: error }));
    const call = http.request({ ...options, agent: false, timeout: timeoutMs }, (response) => {
      let body = '';
      response.setEncoding('utf8').on('data', (text: string) => {
        if (body.length < bodyBytesMax) body += text;
      });
      response.on('end', () => resolve({ status: response.statusCode ?? 0, location: response.headers.location, body }));
      response.on('error', fail);
    });
    call.on('timeout', () => call.destroy(new Error(`none within ${timeoutMs} ms`)));
    call.on('error', fail);
    call.end();
  });
}
