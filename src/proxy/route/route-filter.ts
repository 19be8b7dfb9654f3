// What routes, virtual hosts and weighted clusters say of HTTP filters: Envoy's typed_per_filter_config, decoded.

export interface RouteFilter {
  /** Which kind of filter it is for: another one of that name does not know it. */
  readonly type: object;
  readonly config: unknown;
  /** The filter is to be left out here. */
  readonly disabled: boolean;
}

/** By the filter's name in `http_filters`. */
export type RouteFilters = ReadonlyMap<string, RouteFilter>;

export const noRouteFilters: RouteFilters = new Map();
