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
    requestHeadersToAdd: additions(headers?.request),
    requestHeadersToRemove: removals(headers?.request),
    responseHeadersToAdd: additions(headers?.response),
    responseHeadersToRemove: removals(headers?.response),
  };
}

/** The host that a rule sets or adds as if it were a header: Envoy takes it as a rewrite of the authority. */
export function hostHeader(headers: Headers | undefined): string | undefined {
  const { set = {}, add = {} } = headers?.request ?? {};
  return [...Object.entries(set), ...Object.entries(add)].find(([name]) => isHost(name))?.[1];
}

function isHost(name: string): boolean {
  const lower = name.toLowerCase();
  return lower === 'host' || lower === ':authority';
}

/** Envoy's own: no rule may touch them. */
function isInternal(name: string): boolean {
  return name.startsWith(':') || isHost(name);
}

function additions(operations: Headers['request']): HeaderValueOption[] {
  const ofRule = (headers: Record<string, string> = {}) => Object.entries(headers).filter(([name]) => !isInternal(name));
  return [
    ...ofRule(operations?.set).map(([name, value]) => option(name, value, Append.OVERWRITE_IF_EXISTS_OR_ADD)),
    ...ofRule(operations?.add).map(([name, value]) => option(name, value, Append.APPEND_IF_EXISTS_OR_ADD)),
  ];
}

function removals(operations: Headers['request']): string[] {
  return (operations?.remove ?? []).filter((name) => !isInternal(name));
}

function option(key: string, value: string, appendAction: Append): HeaderValueOption {
  return { header: { key, value, rawValue: Buffer.alloc(0) }, append: undefined, appendAction, keepEmptyValue: false };
}
