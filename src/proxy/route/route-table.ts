// Chooses a route for one request: virtual host by authority, then the first route that matches. Pure, immutable;
// a stream keeps the table that it began with. Precedence of domains: Envoy's route_components.proto.
import type { Random } from '#foundation/random';
import type { Route, RoutedRequest } from './route.ts';
import { pathnameOf, type RouteMatch, routeMatches } from './route-match.ts';

export interface VirtualHost {
  name: string;
  /** Lower case: exact, `*.suffix`, `prefix.*` or `*`. */
  domains: readonly string[];
  routes: readonly MatchedRoute[];
}

export interface MatchedRoute {
  match: RouteMatch;
  route: Route;
}

const authoritiesCachedMax = 4096;

export class RouteTable {
  private readonly exact = new Map<string, VirtualHost>();
  /** Longest first. */
  private readonly suffixes: { text: string; host: VirtualHost }[] = [];
  private readonly prefixes: { text: string; host: VirtualHost }[] = [];
  private any: VirtualHost | undefined;
  private readonly byAuthority = new Map<string, VirtualHost | undefined>();

  constructor(
    readonly name: string,
    readonly version: string,
    readonly virtualHosts: readonly VirtualHost[],
    /** Envoy's `ignore_port_in_host_matching`: domains are compared with the authority's host alone. */
    readonly ignoresPort = false,
  ) {
    for (const host of virtualHosts) for (const domain of host.domains) this.addDomain(domain, host);
    this.suffixes.sort((a, b) => b.text.length - a.text.length);
    this.prefixes.sort((a, b) => b.text.length - a.text.length);
  }

  private addDomain(domain: string, host: VirtualHost): void {
    if (domain === '*') this.any ??= host;
    else if (domain.startsWith('*')) this.suffixes.push({ text: domain.slice(1), host });
    else if (domain.endsWith('*')) this.prefixes.push({ text: domain.slice(0, -1), host });
    else if (!this.exact.has(domain)) this.exact.set(domain, host);
  }

  /** The route that takes the request, or undefined: no virtual host, or none of its routes. */
  route(request: RoutedRequest, random: Random): Route | undefined {
    const host = this.virtualHost(request.authority);
    if (host === undefined) return undefined;
    const pathname = pathnameOf(request.path);
    for (const { match, route } of host.routes) if (routeMatches(match, request, pathname, random)) return route;
    return undefined;
  }

  /** The virtual host of an authority (with or without port, in any case). */
  virtualHost(authority: string): VirtualHost | undefined {
    const cached = this.byAuthority.get(authority);
    if (cached !== undefined) return cached;
    const lower = authority.toLowerCase();
    const host = this.findHost(this.ignoresPort ? lower.replace(/:\d+$/, '') : lower);
    if (host !== undefined && this.byAuthority.size < authoritiesCachedMax) this.byAuthority.set(authority, host);
    return host;
  }

  private findHost(authority: string): VirtualHost | undefined {
    const exact = this.exact.get(authority);
    if (exact !== undefined) return exact;
    // A wildcard stands for at least one character.
    for (const { text, host } of this.suffixes) if (authority.length > text.length && authority.endsWith(text)) return host;
    for (const { text, host } of this.prefixes) if (authority.length > text.length && authority.startsWith(text)) return host;
    return this.any;
  }
}
