// What an HTTP filter is: how its configuration is decoded, and what it does with the streams that pass it. Each has a file (or a few)
// in filters/http/ and a row in filters/http/registry.ts; one that is not configured costs nothing.
import type { Findings } from '#proxy/config/findings';
import type { TrafficDirection } from '#proxy/config/listener';
import type { ProxyRuntime } from '#proxy/runtime';
import type { ResponseHead } from './head.ts';
import type { HttpStream } from './stream.ts';

/**
 * One HTTP filter of one connection manager. It holds no state of a stream: what it must remember of one it keeps there (`keep`).
 * Bodies are none of its business unless it puts a transform into them (`transformRequest`, `transformResponse`) or wants the whole
 * request first (`bufferRequest`).
 */
export interface HttpFilter {
  /** `stop`: it has answered, or will call `stream.continueRequest()` later, with `stream.pending` to be cancelled by. */
  request?(stream: HttpStream): 'continue' | 'stop';
  /**
   * Before the response's head goes down; in reverse order. Local replies pass here too. `fin`: there is no body. `stop`: it will call
   * `stream.continueResponse()` later, and holds the body until then by a transform.
   */
  response?(stream: HttpStream, head: ResponseHead, fin: boolean): 'stop' | void;
  /** The stream has ended, well or not. */
  complete?(stream: HttpStream): void;
}

/** What a filter is told when it is put into a connection manager. */
export interface FilterContext {
  /** In `http_filters`: by it routes speak of the filter. */
  readonly name: string;
  /** Of the connection manager's counters: `http.<stat_prefix>.`. */
  readonly statPrefix: string;
  readonly direction: TrafficDirection;
  readonly runtime: ProxyRuntime;
}

/** A kind of filter. `Config` and `RouteConfig` are immutable: all proxies of a process share them. */
export interface HttpFilterType<Config = unknown, RouteConfig = unknown> {
  /** Of the configuration's message, without `type.googleapis.com/`. */
  readonly message: string;
  decode(bytes: Uint8Array, field: string, findings: Findings): Config;
  /** What routes, virtual hosts and weighted clusters may configure in its place; the message is its own where it has no other name. */
  readonly perRoute?: { readonly message?: string; decode(bytes: Uint8Array, field: string, findings: Findings): RouteConfig };
  /** Undefined: it is accepted, and has nothing to do. */
  make(config: Config, context: FilterContext): HttpFilter | undefined;
}

/** One entry of `http_filters`, decoded. */
export interface HttpFilterConfig {
  readonly name: string;
  readonly type: HttpFilterType;
  readonly config: unknown;
  /** Off, but for routes that configure it. */
  readonly disabled: boolean;
  /** Its configuration comes by its name, and not with the listener; undefined: it is here. */
  readonly discovered?: DiscoveredFilter;
}

export interface DiscoveredFilter {
  /** Of which messages it may be, as `HttpFilterType.message` says them. */
  readonly messages: readonly string[];
  /** Until it comes, and where it does not. */
  readonly fallback: HttpFilterConfig | undefined;
  /** The listener waits for it. */
  readonly waits: boolean;
}

export function configured<Config, RouteConfig>(
  type: HttpFilterType<Config, RouteConfig>,
  name: string,
  config: Config,
  disabled = false,
): HttpFilterConfig {
  return { name, type, config, disabled };
}

/** What the stream's route says of the filter: of its weighted cluster, else of the route, else of the virtual host. */
export function routeConfig<Config, RouteConfig>(
  stream: HttpStream,
  type: HttpFilterType<Config, RouteConfig>,
  name: string,
): RouteConfig | undefined {
  const found = stream.routeFilter(name);
  return found !== undefined && found.type === type ? (found.config as RouteConfig) : undefined;
}

/** The filters of a connection manager that have something to do, in order, with their names. */
export function makeFilters(
  configs: readonly HttpFilterConfig[],
  context: Omit<FilterContext, 'name'>,
): { readonly name: string; readonly filter: HttpFilter }[] {
  return configs.flatMap(({ name, type, config, disabled }) => {
    const filter = type.make(config, { ...context, name });
    if (filter === undefined) return [];
    return [{ name, filter: disabled ? switched(filter, (stream) => stream.routeFilter(name)?.disabled === false) : filter }];
  });
}

/** The filter for those streams alone that `on` says. */
function switched({ request, response, complete }: HttpFilter, on: (stream: HttpStream) => boolean): HttpFilter {
  return {
    request: (stream) => (request !== undefined && on(stream) ? request(stream) : 'continue'),
    response: (stream, head, fin) => (response !== undefined && on(stream) ? response(stream, head, fin) : undefined),
    complete: (stream) => (complete !== undefined && on(stream) ? complete(stream) : undefined),
  };
}
