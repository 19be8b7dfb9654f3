// The last HTTP filter: does what the route says. Redirects and direct answers are given here; the rest is forwarded.
import { Router } from '#codec/protobuf/generated/envoy/extensions/filters/http/router/v3/router';
import type { HttpFilterType } from '#proxy/http/http-filter';
import type { HttpStream } from '#proxy/http/stream';
import { chooseCluster, type ForwardAction, type Route } from '#proxy/route/route';
import type { Counters } from '#proxy/telemetry/counters';
import { responseFlag } from '#telemetry/response-flags';
import { Forwarding } from './forwarding.ts';
import { mutateRequest, mutateResponse } from './header-mutations.ts';

interface RouterConfig {
  readonly suppressEnvoyHeaders: boolean;
}

export const routerType: HttpFilterType<RouterConfig> = {
  message: 'envoy.extensions.filters.http.router.v3.Router',
  decode: (bytes) => ({ suppressEnvoyHeaders: Router.decode(bytes).suppressEnvoyHeaders }),
  make: (config, { runtime: { counters } }) => ({
    request(stream) {
      // A filter may have had the route chosen again, in vain.
      if (stream.route === undefined) {
        stream.manager.stats.no_route++;
        stream.reply({ status: 404, flags: responseFlag.noRouteFound, details: 'route_not_found' });
        return 'stop';
      }
      const { route } = stream;
      mutateRequest(stream.request, route.requestHeaders);
      if (route.action.kind === 'forward') forward(stream, route.action, config);
      else answer(stream, route);
      return 'stop';
    },
    response(stream, head) {
      if (stream.weightedCluster !== undefined) mutateResponse(head, stream.weightedCluster.responseHeaders);
      const { route } = stream;
      if (route === undefined) return;
      mutateResponse(head, route.responseHeaders);
      if (route.statPrefix !== '' && route.action.kind === 'forward') count(route, head.status, counters);
    },
  }),
};

/** Envoy's names: of the route, within its virtual host. */
function count({ virtualHost, statPrefix }: Route, status: number, counters: Counters): void {
  for (const what of ['completed', `${Math.floor(status / 100)}xx`, String(status)]) {
    counters.get(`vhost.${virtualHost}.route.${statPrefix}.upstream_rq_${what}`).value++;
  }
}

function answer(stream: HttpStream, { action }: Route): void {
  if (action.kind === 'redirect') {
    const headers = [['location', action.location(stream)]] as const;
    stream.reply({ status: action.status, flags: responseFlag.none, details: 'direct_response', headers });
  } else if (action.kind === 'direct') {
    stream.reply({ status: action.status, flags: responseFlag.none, details: 'direct_response', body: action.body });
  }
}

function forward(stream: HttpStream, action: ForwardAction, config: RouterConfig): void {
  const { manager, request } = stream;
  if (request.upgrade !== '' && !manager.config.upgradeTypes.has(request.upgrade) && !action.upgradeTypes.has(request.upgrade)) {
    stream.reply({ status: 403, flags: responseFlag.none, details: 'upgrade_failed' });
    return;
  }
  const choice = stream.weightedCluster ?? chooseCluster(action, manager.runtime.random.next());
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

function rewrite({ request }: HttpStream, action: ForwardAction, config: RouterConfig): void {
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
