// EnvoyFilter's patches of listeners: of the whole, of filter chains, of network filters, of the HTTP filters in connection managers.

import type { CanonicalJson } from '#codec/protobuf/canonical-json';
import { TrafficDirection } from '#codec/protobuf/generated/envoy/config/core/v3/base';
import { Listener } from '#codec/protobuf/generated/envoy/config/listener/v3/listener';
import { Filter, FilterChain, ListenerFilter } from '#codec/protobuf/generated/envoy/config/listener/v3/listener_components';
import {
  HttpConnectionManager,
  HttpFilter,
} from '#codec/protobuf/generated/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager';
import { bytesOf } from '../message.ts';
import { type Context, inContext, type Match, type Patch, type Patched } from './patch.ts';
import { Patchable, patchList } from './patch-list.ts';
import { patchRoutes } from './route-patch.ts';

type ListenerMatch = NonNullable<Match['listener']>;
type ChainMatch = NonNullable<ListenerMatch['filterChain']>;

const managerName = 'envoy.filters.network.http_connection_manager';

/** The listener with the patches that are about it; undefined: it is removed; the same object where nothing matched. */
export function patchListener(listener: Listener, patches: readonly Patch[], gateway: boolean, json: CanonicalJson): Listener | undefined {
  const context = contextOf(listener, gateway);
  const mine = patches.filter((patch) => inContext(patch, context));
  const patcher = new ListenerPatcher(listener, mine, context, json);
  return mine.length === 0 ? listener : patcher.run();
}

export function contextOf({ trafficDirection }: Listener, gateway: boolean): Context {
  if (gateway) return 'GATEWAY';
  return trafficDirection === TrafficDirection.INBOUND ? 'SIDECAR_INBOUND' : 'SIDECAR_OUTBOUND';
}

class ListenerPatcher {
  constructor(
    private readonly listener: Listener,
    private readonly patches: readonly Patch[],
    private readonly context: Context,
    private readonly json: CanonicalJson,
  ) {}

  run(): Listener | undefined {
    const whole = this.of('LISTENER').filter(({ operation, match }) => operation !== 'ADD' && isListener(this.listener, match.listener));
    const kind = new Patchable(this.json, 'envoy.config.listener.v3.Listener', Listener);
    const [listener] = patchList([this.listener], whole, { kind, matcher: () => undefined });
    if (listener === undefined) return undefined;
    const listenerFilters = this.listenerFilters(listener);
    const filterChains = this.chains(listener);
    const defaultFilterChain = listener.defaultFilterChain && this.chain(listener.defaultFilterChain, listener);
    const same =
      listenerFilters === listener.listenerFilters &&
      filterChains === listener.filterChains &&
      defaultFilterChain === listener.defaultFilterChain;
    return same ? listener : { ...listener, listenerFilters: [...listenerFilters], filterChains: [...filterChains], defaultFilterChain };
  }

  private of(applyTo: Patched): readonly Patch[] {
    return this.patches.filter((patch) => patch.applyTo === applyTo);
  }

  private listenerFilters(listener: Listener): readonly ListenerFilter[] {
    const mine = this.of('LISTENER_FILTER').filter(({ match }) => isListener(listener, match.listener));
    return patchList(listener.listenerFilters, mine, {
      kind: new Patchable(this.json, 'envoy.config.listener.v3.ListenerFilter', ListenerFilter),
      matcher: ({ match }) => byName(match.listener?.listenerFilter),
    });
  }

  private chains(listener: Listener): readonly FilterChain[] {
    const mine = this.of('FILTER_CHAIN').filter(({ match }) => isListener(listener, match.listener));
    const chains = patchList(listener.filterChains, mine, {
      kind: new Patchable(this.json, 'envoy.config.listener.v3.FilterChain', FilterChain),
      matcher: ({ match }) => match.listener?.filterChain && ((chain) => isChain(chain, match.listener?.filterChain)),
    });
    const patched = chains.map((chain) => this.chain(chain, listener));
    return patched.every((chain, i) => chain === chains[i]) ? chains : patched;
  }

  private chain(chain: FilterChain, listener: Listener): FilterChain {
    const mine = (applyTo: Patched) =>
      this.of(applyTo).filter(({ match }) => isInListener(listener, chain, match.listener) && isChain(chain, match.listener?.filterChain));
    const filters = patchList(chain.filters, mine('NETWORK_FILTER'), {
      kind: new Patchable(this.json, 'envoy.config.listener.v3.Filter', Filter),
      matcher: ({ match }) => byName(match.listener?.filterChain?.filter?.name),
      addedAt: (all) => all.length - 1, // before the terminal one
    });
    const httpPatches = mine('HTTP_FILTER');
    const patched = filters.map((filter) => this.manager(filter, httpPatches));
    return patched.every((filter, i) => filter === chain.filters[i]) && patched.length === chain.filters.length
      ? chain
      : { ...chain, filters: patched };
  }

  private manager(filter: Filter, patches: readonly Patch[]): Filter {
    if (filter.name !== managerName || filter.configType?.$case !== 'typedConfig') return filter;
    const any = filter.configType.value;
    const manager = HttpConnectionManager.decode(any.value);
    const httpFilters = patchList(manager.httpFilters, patches, {
      kind: new Patchable(this.json, 'envoy.extensions.filters.network.http_connection_manager.v3.HttpFilter', HttpFilter),
      matcher: ({ match }) => byName(match.listener?.filterChain?.filter?.subFilter?.name),
      addedAt: (all) => all.length - 1, // before the router
    });
    const inline = manager.routeSpecifier?.$case === 'routeConfig' ? manager.routeSpecifier.value : undefined;
    const routes = inline && patchRoutes(inline, this.patches, this.context, this.json);
    if (httpFilters === manager.httpFilters && routes === inline) return filter;
    const value = bytesOf(HttpConnectionManager, {
      ...manager,
      httpFilters: [...httpFilters],
      ...(routes && { routeSpecifier: { $case: 'routeConfig' as const, value: routes } }),
    });
    return { ...filter, configType: { $case: 'typedConfig', value: { ...any, value } } };
  }
}

function byName(name: string | undefined): ((item: { name: string }) => boolean) | undefined {
  return name ? (item) => item.name === name : undefined;
}

function isListener(listener: Listener, match: ListenerMatch | undefined): boolean {
  if (match?.name && match.name !== listener.name) return false;
  return !match?.portNumber || match.portNumber === portOf(listener);
}

/** Of a listener for redirected traffic, the port is that of the filter chain. */
function isInListener(listener: Listener, chain: FilterChain, match: ListenerMatch | undefined): boolean {
  if (match?.name && match.name !== listener.name) return false;
  return !match?.portNumber || match.portNumber === (chain.filterChainMatch?.destinationPort ?? portOf(listener));
}

function portOf({ address }: Listener): number | undefined {
  const specifier = address?.address?.$case === 'socketAddress' ? address.address.value.portSpecifier : undefined;
  return specifier?.$case === 'portValue' ? specifier.value : undefined;
}

function isChain({ name, filterChainMatch: has, transportSocket }: FilterChain, match: ChainMatch | undefined): boolean {
  if (match === undefined) return true;
  if (match.name && match.name !== name) return false;
  if (match.sni && !has?.serverNames.includes(match.sni)) return false;
  if (match.transportProtocol && match.transportProtocol !== has?.transportProtocol) return false;
  if (match.transportSocket && match.transportSocket !== transportSocket?.name) return false;
  if (match.destinationPort && match.destinationPort !== has?.destinationPort) return false;
  const protocols = match.applicationProtocols?.split(',').map((each) => each.trim()) ?? [];
  return protocols.every((protocol) => has?.applicationProtocols.includes(protocol));
}
