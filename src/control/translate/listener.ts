// What listeners have in common, and the recipe by which they are cached: by their whole content.

import { TrafficDirection } from '#codec/protobuf/generated/envoy/config/core/v3/base';
import { Listener } from '#codec/protobuf/generated/envoy/config/listener/v3/listener';
import type { Filter, FilterChain } from '#codec/protobuf/generated/envoy/config/listener/v3/listener_components';
import { FilterChain as FilterChainMessage } from '#codec/protobuf/generated/envoy/config/listener/v3/listener_components';
import type { ProxyView } from '#control/view/proxy-view';
import { typeUrl } from '#xds/resource-type';
import type { ListenerOptions } from './http-connection-manager.ts';
import { bytesOf } from './message.ts';
import type { Recipe } from './resource-cache.ts';

export interface ListenerInput {
  name: string;
  /** Of everything that `make` looks at. */
  key: string;
  make: () => Parameters<typeof Listener.fromPartial>[0];
}

export const listenerRecipe: Recipe<ListenerInput> = {
  type: typeUrl.listener,
  name: ({ name }) => name,
  key: ({ name, key }) => `${name} ${key}`,
  build: ({ name, make }) => bytesOf(Listener, { name, ...make() }),
};

export const direction = { inbound: TrafficDirection.INBOUND, outbound: TrafficDirection.OUTBOUND };

export function listenerOptions({ proxy, snapshot }: ProxyView): ListenerOptions {
  const { accessLogFile, accessLogFormat, pathNormalization } = snapshot.config;
  const options = {
    istio: proxy.istioVersion !== undefined,
    accessLog: { file: accessLogFile, format: accessLogFormat },
    pathNormalization,
  };
  return { ...options, key: JSON.stringify(options) };
}

export function filterChain(name: string, filters: Filter[], destinationPort?: number): FilterChain {
  return FilterChainMessage.fromPartial({ name, filters, ...(destinationPort !== undefined && { filterChainMatch: { destinationPort } }) });
}
