// Envoy's http_filters -> HttpFilterConfig. A filter that is not known is refused by name, never ignored, unless it is optional.
import type { HttpFilter } from '#codec/protobuf/generated/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager';
import { httpFilterTypes } from '#proxy/filters/http/registry';
import { routerType } from '#proxy/filters/http/router';
import { configured, type HttpFilterConfig } from '#proxy/http/http-filter';
import { type Findings, messageName } from './findings.ts';

export function decodeHttpFilters(filters: readonly HttpFilter[], field: string, findings: Findings): HttpFilterConfig[] {
  const decoded = filters.flatMap((filter, i) => {
    const at = `${field}[${i}]`;
    const config = findings.attempt(at, () => decodeHttpFilter(filter, at, findings));
    return config === undefined ? [] : [config];
  });
  if (decoded.at(-1)?.type !== routerType) findings.report(field, 'the last filter must be the router');
  return decoded;
}

function decodeHttpFilter(filter: HttpFilter, field: string, findings: Findings): HttpFilterConfig | undefined {
  const { name, configType, isOptional, disabled } = filter;
  if (configType?.$case !== 'typedConfig') {
    findings.report(field, `filter ${name} has no typed_config`);
    return undefined;
  }
  const any = configType.value;
  const type = httpFilterTypes.find(({ message }) => message === messageName(any));
  if (type === undefined) {
    if (!isOptional) findings.report(field, `filter ${name} (${any.typeUrl}) is not known`);
    return undefined;
  }
  return configured(type, name, type.decode(any.value, field, findings), disabled);
}
