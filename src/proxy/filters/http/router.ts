// The last HTTP filter: does what the route says. Redirects and direct answers are given here; the rest is forwarded.
import type { HttpFilterConfig } from '#proxy/config/http-connection-manager';
import type { HttpFilter } from '#proxy/http/connection-manager';
import type { HttpStream } from '#proxy/http/stream';
import type { ForwardAction, Route, WeightedCluster } from '#proxy/route/route';
import { responseFlag } from '#telemetry/response-flags';
import { Forwarding } from './forwarding.ts';
import { mutateRequest, mutateResponse } from './header-mutations.ts';

type Config = Extract<HttpFilterConfig, { kind: 'router' }>;

export function routerFilter(config: Config): HttpFilter {
  return {
    request(stream) {
      const route = stream.route!;
      mutateRequest(stream.request, route.requestHeaders);
      if (route.action.kind === 'forward') forward(stream, route.action, config);
      else answer(stream, route);
      return 'stop';
    },
    response(stream, head) {
      if (stream.weightedCluster !== undefined) mutateResponse(head, stream.weightedCluster.responseHeaders);
      if (stream.route !== undefined) mutateResponse(head, stream.route.responseHeaders);
    },
  };
}

function answer(stream: HttpStream, { action }: Route): void {
  if (action.kind === 'redirect') {
    const headers = [['location', action.location(stream)]] as const;
    stream.reply({ status: action.status, flags: responseFlag.none, details: 'direct_response', headers });
  } else if (action.kind === 'direct') {
    stream.reply({ status: action.status, flags: responseFlag.none, details: 'direct_response', body: action.body });
  }
}

function forward(stream: HttpStream, action: ForwardAction, config: Config): void {
  const { manager, request } = stream;
  if (request.upgrade !== '' && !manager.config.upgradeTypes.has(request.upgrade) && !action.upgradeTypes.has(request.upgrade)) {
    stream.reply({ status: 403, flags: responseFlag.none, details: 'upgrade_failed' });
    return;
  }
  const choice = chooseCluster(action, manager.runtime.random.next());
  const cluster = manager.runtime.clusters.get(choice.name);
  stream.weightedCluster = choice;
  stream.upstreamCluster = choice.name;
  if (cluster === undefined) {
    manager.stats.no_cluster++;
    stream.reply({ status: 503, flags: responseFlag.noClusterFound, details: 'cluster_not_found' });
    return;
  }
  mutateRequest(request, choice.requestHeaders);
  rewrite(stream, action, config);
  stream.service = cluster.config.service;
  if (action.idleTimeoutMs > 0) stream.idleTimeoutMs = action.idleTimeoutMs;
  new Forwarding(stream, action, cluster, config.suppressEnvoyHeaders).start();
}

/** `draw` in [0, 1). */
function chooseCluster({ clusters, weightTotal }: ForwardAction, draw: number): WeightedCluster {
  if (clusters.length > 1) {
    let left = draw * weightTotal;
    for (const cluster of clusters) if ((left -= cluster.weight) < 0) return cluster;
  }
  return clusters[0]!;
}

function rewrite({ request }: HttpStream, action: ForwardAction, config: Config): void {
  if (action.path !== undefined && request.path !== '') {
    const path = action.path(request.path);
    if (path !== request.path && !config.suppressEnvoyHeaders) request.set('x-envoy-original-path', request.path);
    request.path = path;
  }
  if (action.authority !== undefined) {
    if (!config.suppressEnvoyHeaders) request.set('x-envoy-original-host', request.authority);
    request.authority = action.authority;
  }
}
