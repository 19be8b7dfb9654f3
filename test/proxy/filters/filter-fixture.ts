// A proxy with HTTP filters as Envoy configures them: decoded from their messages, in front of one upstream or more.
import type { MessageFns } from '#codec/protobuf/generated/google/protobuf/any';
import type { ClusterConfig } from '#proxy/config/cluster';
import { Findings } from '#proxy/config/findings';
import type { HttpConnectionManagerConfig } from '#proxy/config/http-connection-manager';
import { configured, type HttpFilterConfig, type HttpFilterType } from '#proxy/http/http-filter';
import type { Route } from '#proxy/route/route';
import type { RouteFilters } from '#proxy/route/route-filter';
import { Client, type closer, httpConfig, httpListener, routerEntry, routeTable, TestProxy } from '../fixture.ts';

type Partial<T> = Parameters<MessageFns<T>['fromPartial']>[0];

/** One entry of `http_filters`; what is wrong with it fails the test. */
export function entry<T>(type: HttpFilterType, message: MessageFns<T>, value: Partial<T>, name = 'filter'): HttpFilterConfig {
  const findings = new Findings();
  const config = type.decode(message.encode(message.fromPartial(value)).finish(), 'filter', findings);
  if (findings.list.length > 0) throw new Error(findings.list.join('\n'));
  return configured(type, name, config);
}

/** What a route says of the filter. */
export function perRoute<T>(type: HttpFilterType, message: MessageFns<T>, value: Partial<T>, name = 'filter'): RouteFilters {
  const findings = new Findings();
  const config = type.perRoute!.decode(message.encode(message.fromPartial(value)).finish(), 'route', findings);
  if (findings.list.length > 0) throw new Error(findings.list.join('\n'));
  return new Map([[name, { type, config, disabled: false }]]);
}

/** Decodes and gives what was found. */
export function findingsOf<T>(type: HttpFilterType, message: MessageFns<T>, value: Partial<T>): readonly string[] {
  const findings = new Findings();
  type.decode(message.encode(message.fromPartial(value)).finish(), 'filter', findings);
  return findings.list;
}

export interface Setup {
  filters: readonly HttpFilterConfig[];
  routes: Route | Record<string, Route>;
  clusters?: readonly ClusterConfig[];
  config?: globalThis.Partial<HttpConnectionManagerConfig>;
  proxy?: ConstructorParameters<typeof TestProxy>[0];
}

/** `open`: closes everything after the test. */
export async function startFiltered(open: ReturnType<typeof closer>, { filters, routes, clusters = [], config, proxy: options }: Setup) {
  const proxy = open.add(new TestProxy(options));
  for (const one of clusters) proxy.runtime.clusters.set(one);
  const table = routeTable('action' in routes ? { '*': routes as Route } : (routes as Record<string, Route>));
  const port = await proxy.listen(httpListener(httpConfig(table, { httpFilters: [...filters, routerEntry], ...config })));
  const send = async (request: string, until: string | RegExp = /\r\n\r\n/) =>
    open
      .add(await Client.connect(port))
      .write(request)
      .until(until);
  return { proxy, port, send };
}

/** `GET path` with headers as lines. */
export function get(path = '/', ...lines: string[]): string {
  return `GET ${path} HTTP/1.1\r\nhost: a.test\r\n${lines.map((line) => `${line}\r\n`).join('')}\r\n`;
}
