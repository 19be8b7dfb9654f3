// Envoy's routes in a few words: domains, matches, where they lead. Pure.
import { at, type Json, listOf, textOf } from '../config-dump.ts';

const domainsShown = 2;

/** `/productpage`, `/static*`, `regex /v\d+`, with what else has to match; `/*` for everything. */
export function describeMatch(match: unknown): string {
  const conditions = [describePath(match), ...listOf(at(match, 'headers')).map(describeHeader)];
  for (const parameter of listOf(at(match, 'query_parameters'))) {
    conditions.push(`?${textOf(parameter['name'])}${describeString(at(parameter, 'string_match'))}`);
  }
  return conditions.join(' ');
}

function describePath(match: unknown): string {
  const [prefix, separated, path] = ['prefix', 'path_separated_prefix', 'path'].map((key) => at(match, key));
  if (typeof prefix === 'string') return `${prefix}*`;
  if (typeof separated === 'string') return `PathPrefix:${separated}`;
  if (typeof path === 'string') return path;
  const regex = at(match, 'safe_regex', 'regex');
  if (typeof regex === 'string') return `regex ${regex}`;
  return at(match, 'connect_matcher') === undefined ? '*' : 'CONNECT';
}

function describeHeader(header: Json): string {
  const not = header['invert_match'] === true ? '!' : '';
  const name = textOf(header['name']);
  if (header['present_match'] !== undefined) return `${header['present_match'] === false ? '!' : not}${name}`;
  const range = at(header, 'range_match');
  const value =
    range === undefined ? describeString(header['string_match']) : ` in [${textOf(at(range, 'start'))},${textOf(at(range, 'end'))})`;
  return `${not}${name}${value || `=${textOf(header['exact_match'])}`}`;
}

function describeString(match: unknown): string {
  const word = (key: string) => textOf(at(match, key));
  if (word('exact')) return `=${word('exact')}`;
  if (word('prefix')) return `=${word('prefix')}*`;
  if (word('suffix')) return `=*${word('suffix')}`;
  if (word('contains')) return `=*${word('contains')}*`;
  const regex = textOf(at(match, 'safe_regex', 'regex'));
  return regex && `~${regex}`;
}

/** The shortest names; how many more there are. */
export function describeDomains(domains: readonly string[]): string {
  const shown = [...domains].sort((a, b) => a.length - b.length || (a < b ? -1 : 1));
  const more = shown.length - domainsShown;
  return more > 0 ? `${shown.slice(0, domainsShown).join(', ')} + ${more} more...` : shown.join(', ');
}

/** Of a listener that has its routes with it: the cluster where all lead to one, else each host with its matches. */
export function describeInlineRoutes(config: unknown): string {
  const hosts = listOf(at(config, 'virtual_hosts'));
  const [only] = hosts;
  const routes = listOf(only?.['routes']);
  const [first] = routes;
  const cluster = textOf(at(first, 'route', 'cluster'));
  if (hosts.length === 1 && routes.length === 1 && cluster && describeMatch(at(first, 'match')) === '/*') return describeCluster(cluster);
  const described = hosts.map((host) => {
    const domains = domainsOf(host);
    const matches = listOf(host['routes']).map((route) => describeMatch(route['match']));
    return [...(domains.length > 0 && domains[0] !== '*' ? [describeDomains(domains)] : []), matches.join(', ')].join(' ');
  });
  return `Inline Route: ${described.join('; ')}`;
}

export function describeCluster(cluster: string): string {
  return ['PassthroughCluster', 'BlackHoleCluster', 'InboundPassthroughCluster'].includes(cluster) ? cluster : `Cluster: ${cluster}`;
}

export function domainsOf(host: Json): string[] {
  const { domains } = host;
  return Array.isArray(domains) ? domains.filter((domain) => typeof domain === 'string') : [];
}
