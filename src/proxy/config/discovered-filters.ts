// HTTP filters whose configuration is discovered by itself (Envoy's ECDS): which ones a listener waits for, and the listener with them put
// in. Kept by config-applier.ts.
import type { HttpFilterConfig } from '#proxy/http/http-filter';
import type { DecodeCache } from './decode-cache.ts';
import type { FilterChain, ListenerConfig } from './listener.ts';

export class DiscoveredFilters {
  private readonly known = new Map<string, HttpFilterConfig>();
  /** Those that have come, that do not exist, or that were waited for in vain. */
  private readonly settled = new Set<string>();

  constructor(private readonly decodings: DecodeCache) {}

  set(filter: HttpFilterConfig): void {
    this.known.set(filter.name, filter);
    this.settled.add(filter.name);
  }

  /** There is none of this name, or none that could be read. */
  settle(name: string): void {
    this.settled.add(name);
  }

  delete(name: string): void {
    this.known.delete(name);
    this.settled.add(name);
  }

  /** Nobody asks for the others any more. */
  keep(names: ReadonlySet<string>): void {
    for (const name of [...this.settled]) {
      if (names.has(name)) continue;
      this.settled.delete(name);
      this.known.delete(name);
    }
  }

  missing(names: Iterable<string>): string[] {
    return [...names].filter((name) => !this.settled.has(name));
  }

  /** A filter that begins with its default does not hold its listener up. */
  hasAllOf(listener: ListenerConfig): boolean {
    return wantedFilters(listener).every(({ name, discovered }) => discovered?.waits === false || this.settled.has(name));
  }

  /** The same object as long as its filters are the same; the very listener where none is discovered. */
  resolve(listener: ListenerConfig): ListenerConfig {
    const wanted = wantedFilters(listener);
    if (wanted.length === 0) return listener;
    const parts = wanted.map((filter) => this.found(filter));
    return this.decodings.assemble(`discovered filters of ${listener.name}`, [listener, ...parts], () => ({
      ...listener,
      filterChains: listener.filterChains.map((chain) => this.withFilters(chain)),
      defaultFilterChain: listener.defaultFilterChain && this.withFilters(listener.defaultFilterChain),
    }));
  }

  /** Itself where there is neither one that it takes nor a default: it then answers in the place of the one that is missing. */
  private found(wanted: HttpFilterConfig): HttpFilterConfig {
    const { name, discovered } = wanted;
    const known = this.known.get(name);
    return (known && discovered?.messages.includes(known.type.message) ? known : discovered?.fallback) ?? wanted;
  }

  private withFilters(chain: FilterChain): FilterChain {
    const filters = chain.filters.map((filter) => {
      if (filter.kind !== 'http_connection_manager') return filter;
      const httpFilters = filter.http.httpFilters.map((each) =>
        each.discovered === undefined ? each : { ...this.found(each), disabled: each.disabled },
      );
      return { ...filter, http: { ...filter.http, httpFilters } };
    });
    return { ...chain, filters };
  }
}

export function discoveredNames(listener: ListenerConfig): string[] {
  return wantedFilters(listener).map(({ name }) => name);
}

function wantedFilters({ filterChains, defaultFilterChain }: ListenerConfig): HttpFilterConfig[] {
  const chains = defaultFilterChain ? [...filterChains, defaultFilterChain] : filterChains;
  return chains.flatMap(({ filters }) =>
    filters.flatMap((filter) =>
      filter.kind === 'http_connection_manager' ? filter.http.httpFilters.filter(({ discovered }) => discovered !== undefined) : [],
    ),
  );
}
