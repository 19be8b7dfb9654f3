// Istio's header operations as Envoy's lists. Used on routes and on each of their clusters.
import type { HttpRoute } from '#api/kinds/virtual-service';
import {
  HeaderValueOption_HeaderAppendAction as Append,
  type HeaderValueOption,
} from '#codec/protobuf/generated/envoy/config/core/v3/base';

type Headers = NonNullable<HttpRoute['headers']>;

export interface HeaderLists {
  requestHeadersToAdd: HeaderValueOption[];
  requestHeadersToRemove: string[];
  responseHeadersToAdd: HeaderValueOption[];
  responseHeadersToRemove: string[];
}

export function headerLists(headers: Headers | undefined): HeaderLists {
  return {
    requestHeadersToAdd: additions(headers?.request, true),
    requestHeadersToRemove: headers?.request?.remove ?? [],
    responseHeadersToAdd: additions(headers?.response, false),
    responseHeadersToRemove: headers?.response?.remove ?? [],
  };
}

/** The host that a rule sets as if it were a header: Envoy takes it as a rewrite of the authority. */
export function hostHeader(headers: Headers | undefined): string | undefined {
  return Object.entries(headers?.request?.set ?? {}).find(([name]) => isHost(name))?.[1];
}

function isHost(name: string): boolean {
  const lower = name.toLowerCase();
  return lower === 'host' || lower === ':authority';
}

function additions(operations: Headers['request'], request: boolean): HeaderValueOption[] {
  const set = Object.entries(operations?.set ?? {}).filter(([name]) => !(request && isHost(name)));
  return [
    ...set.map(([name, value]) => option(name, value, Append.OVERWRITE_IF_EXISTS_OR_ADD)),
    ...Object.entries(operations?.add ?? {}).map(([name, value]) => option(name, value, Append.APPEND_IF_EXISTS_OR_ADD)),
  ];
}

function option(key: string, value: string, appendAction: Append): HeaderValueOption {
  return { header: { key, value, rawValue: Buffer.alloc(0) }, append: undefined, appendAction, keepEmptyValue: false };
}
