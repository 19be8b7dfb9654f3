// Sends a call for real, as a program of its workload, or to the ingress gateway. What came back is the client's view; which clusters
// were asked is the proxy's own record.
import type { Pod } from '#api/kinds/pod';
import { getJson } from '#cli/http-json';
import { outputInPod } from '#cli/pod-exec';
import type { MeshProxy } from '#control/view/proxy';
import { MeshError } from '#foundation/mesh-error';
import { below, type HttpAccess } from '#net/http-access';
import { parseCall } from './call.ts';
import { httpProxyListener } from './connection.ts';
import type { Call, Explanation } from './explanation.ts';
import { type HttpAnswer, type HttpCall, sendHttp } from './http-call.ts';
import type { LiveProxy } from './live-proxy.ts';

export interface LiveAnswer extends HttpAnswer {
  /** Clusters that the proxy sent requests to meanwhile. Other traffic of the same proxy counts as well. */
  asked: ReadonlySet<string>;
}

/** Where a call starts. */
export interface LiveSource {
  live: LiveProxy;
  pod: Pod;
  api: HttpAccess;
  /** Of the program that makes a call where it runs; undefined: there is none. */
  httpCallCommand: readonly string[] | undefined;
}

/**
 * Throws MeshError UNAVAILABLE where the proxy cannot be reached, NOT_SENT where nothing listens for such calls, EXEC where the pod
 * runs no command.
 */
export async function sendCall(call: Call, explanation: Explanation, source: LiveSource): Promise<LiveAnswer> {
  const { admin } = source.live;
  const before = await requestCounts(admin);
  const answer = await (isOfThisMachine(source.pod) ? sendFromHere : sendFromPod)(call, explanation, source);
  const after = await requestCounts(admin);
  return {
    ...answer,
    asked: new Set([...after].filter(([cluster, count]) => count > (before.get(cluster) ?? 0)).map(([cluster]) => cluster)),
  };
}

/** Nothing is captured there: programs of this machine ask the pod's proxy at its address. */
const isOfThisMachine = ({ status }: Pod): boolean => status?.podIP?.startsWith('127.') ?? false;

async function sendFromHere(call: Call, explanation: Explanation, { live: { proxy, tables, admin } }: LiveSource): Promise<HttpAnswer> {
  const isGateway = proxy.type === 'router';
  const at = await boundAddress(admin, isGateway ? explanation.listener : httpProxyListener(tables.listeners)?.name);
  if (at === undefined) throw notSent(proxy);
  const { request } = parseCall(call);
  const path = isGateway ? request.path : `http://${request.authority}${request.path}`;
  return sendHttp({ ...at, method: call.method, path, headers: { ...call.headers, host: request.authority } });
}

/** As a program of the pod: what it calls is captured, and names are the mesh's. */
async function sendFromPod(call: Call, explanation: Explanation, { live, pod, api, httpCallCommand }: LiveSource): Promise<HttpAnswer> {
  const { proxy, admin } = live;
  const { request, host, port } = parseCall(call);
  const bound = proxy.type === 'router' ? await boundAddress(admin, explanation.listener) : undefined;
  if (httpCallCommand === undefined || (proxy.type === 'router' && bound === undefined)) throw notSent(proxy);
  const sent: HttpCall = {
    ...(bound ? { host: '127.0.0.1', port: bound.port } : { host, port }),
    ...{ method: call.method, path: request.path, headers: { ...call.headers, host: request.authority } },
  };
  const answer = JSON.parse(await outputInPod(api, pod, [...httpCallCommand, JSON.stringify(sent)])) as HttpAnswer | { failure: string };
  if ('failure' in answer) throw new MeshError('UNAVAILABLE', answer.failure);
  return answer;
}

const notSent = ({ name }: MeshProxy) =>
  new MeshError('NOT_SENT', `the proxy ${name} has no listener that takes the call from here`, {
    hint: 'calls are sent through proxies of a mesh on this machine',
  });

async function boundAddress(admin: HttpAccess, name: string | undefined): Promise<{ host: string; port: number } | undefined> {
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
