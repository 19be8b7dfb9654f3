// Calls made from the routes themselves: for every host and port that a proxy knows one call that each route takes, and calls that
// break each of its conditions in turn. Pure.
import type { FilterChain, ListenerConfig } from '#proxy/config/listener';
import type { RoutedRequest } from '#proxy/route/route';
import { pathnameOf, type RouteMatch, type UnmetCondition, unmetConditions } from '#proxy/route/route-match';
import type { VirtualHost } from '#proxy/route/route-table';
import type { Call } from './explanation.ts';
import { exampleText } from './nearest.ts';
import { describeCluster } from './outcome.ts';
import type { ProxyTables } from './tables.ts';

/** A call without its source: the same for all proxies that know the route. */
type Draft = Omit<Call, 'from'>;

/** From the listeners that take the traffic of a workload (`from`), or of the gateway (undefined). `publicPort`: of a gateway's listener. */
export function callsOf(tables: ProxyTables, from: string | undefined, publicPort: (port: number) => number): Call[] {
  const drafts = tables.listeners
    .filter(({ direction, useOriginalDst }) => direction === 'outbound' && !useOriginalDst)
    .flatMap((listener) => listener.filterChains.flatMap((chain) => chainCalls(listener, chain, tables, publicPort)));
  return drafts.map((draft) => ({ from, ...draft }));
}

function chainCalls(listener: ListenerConfig, chain: FilterChain, tables: ProxyTables, publicPort: (port: number) => number): Draft[] {
  const filter = chain.filters.at(-1);
  const port = publicPort(listener.addresses[0]?.port ?? 0);
  if (filter?.kind === 'http_connection_manager') {
    const { routes } = filter.http;
    const table = routes.kind === 'inline' ? routes.table : tables.routeTable(routes.name);
    return (table?.virtualHosts ?? []).flatMap((host) => hostCalls(host, port));
  }
  const plain = { method: 'GET', headers: {} };
  const { serverNames } = chain.match;
  if (serverNames.length > 0) return serverNames.map((name) => ({ ...plain, url: `tls://${concrete(name)}:${port}` }));
  return (filter?.tcp.clusters ?? []).flatMap(({ name }) => {
    const { host } = describeCluster(name);
    return host === undefined ? [] : [{ ...plain, url: `tcp://${concrete(host)}:${port}` }];
  });
}

function hostCalls({ domains, routes }: VirtualHost, port: number): Draft[] {
  const domain = domains.find((name) => !name.includes(':')) ?? domains[0] ?? '*';
  const authority = `${concrete(domain.replace(/:(\d+|\*)$/, ''))}:${port}`;
  const start: Sketch = { method: 'GET', path: '/', authority, headers: {} };
  const sketches = routes.flatMap(({ match }) => {
    const taken = satisfied(match, start);
    return [taken, ...broken(match, taken)];
  });
  return [start, ...sketches].map(draftOf);
}

/** A name that a domain or server name stands for. */
function concrete(domain: string): string {
  return domain.replace(/^\*\.?/, 'any.').replace(/^any\.$/, 'any.example');
}

interface Sketch {
  method: string;
  /** With the query. */
  path: string;
  authority: string;
  headers: Readonly<Record<string, string>>;
}

function requestOf({ method, path, authority, headers }: Sketch): RoutedRequest {
  return { method, path, authority, scheme: 'http', header: (name) => headers[name] };
}

function draftOf({ method, path, authority, headers }: Sketch): Draft {
  return { method, url: `http://${authority}${path}`, headers };
}

/** With everything that the route asks for, as far as an example of it can be written. */
function satisfied(match: RouteMatch, start: Sketch): Sketch {
  let sketch = start;
  for (const unmet of unmetConditions(match, requestOf(start), pathnameOf(start.path))) sketch = mended(sketch, unmet);
  return sketch;
}

function mended(sketch: Sketch, { subject, wants }: UnmetCondition): Sketch {
  const value = wants.kind === 'value' ? exampleText(wants.sample) : wants.kind === 'present' ? 'any' : undefined;
  return subject === undefined || value === undefined ? sketch : withValue(sketch, subject, value);
}

/** `subject` as in UnmetCondition. */
function withValue(sketch: Sketch, subject: string, value: string): Sketch {
  if (subject === ':method') return { ...sketch, method: value };
  if (subject === ':authority') return { ...sketch, headers: { ...sketch.headers, host: value } };
  if (subject === ':scheme') return sketch;
  if (subject === ':path') return { ...sketch, path: value + sketch.path.slice(pathnameOf(sketch.path).length) };
  if (subject.startsWith('?')) {
    const name = subject.slice(1);
    const [pathname = '', query = ''] = sketch.path.split('?', 2);
    const others = query.split('&').filter((pair) => pair !== '' && pair.split('=', 1)[0] !== name);
    return { ...sketch, path: `${pathname}?${[...others, `${name}=${value}`].join('&')}` };
  }
  return { ...sketch, headers: { ...sketch.headers, [subject]: value } };
}

/** One condition of the route at a time is left out, or given a value that goes on where the right one ends. */
function broken(match: RouteMatch, taken: Sketch): Sketch[] {
  const pathname = pathnameOf(taken.path);
  const subjects = [...match.headers.map(({ name }) => name), ...match.query.map(({ name }) => `?${name}`)];
  return [
    withValue(taken, ':path', `${pathname}${pathname.endsWith('/') ? '' : '-'}other`),
    withValue(taken, ':path', `${pathname.replace(/\/$/, '')}/below`),
    ...subjects.map((subject) => without(taken, subject)),
    ...subjects.filter((subject) => subject !== ':method').map((subject) => withValue(taken, subject, `${valueAt(taken, subject)}-other`)),
  ];
}

function without(sketch: Sketch, subject: string): Sketch {
  if (subject === ':method') return { ...sketch, method: sketch.method === 'POST' ? 'GET' : 'POST' };
  if (subject.startsWith('?')) {
    const [pathname = '', query = ''] = sketch.path.split('?', 2);
    const others = query.split('&').filter((pair) => pair.split('=', 1)[0] !== subject.slice(1));
    return { ...sketch, path: others.length === 0 ? pathname : `${pathname}?${others.join('&')}` };
  }
  const { [subject === ':authority' ? 'host' : subject]: _, ...headers } = sketch.headers;
  return { ...sketch, headers };
}

function valueAt({ path, headers }: Sketch, subject: string): string {
  if (!subject.startsWith('?')) return headers[subject] ?? '';
  return (
    path
      .split('?', 2)[1]
      ?.split('&')
      .find((pair) => pair.startsWith(`${subject.slice(1)}=`))
      ?.slice(subject.length) ?? ''
  );
}
