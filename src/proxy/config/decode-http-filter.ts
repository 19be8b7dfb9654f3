// Envoy's http_filters -> HttpFilterConfig. A filter that is not known is refused by name, never ignored, unless it is optional.
import type { ExtensionConfigSource } from '#codec/protobuf/generated/envoy/config/core/v3/config_source';
import type { TypedExtensionConfig } from '#codec/protobuf/generated/envoy/config/core/v3/extension';
import type { HttpFilter } from '#codec/protobuf/generated/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager';
import type { Any } from '#codec/protobuf/generated/google/protobuf/any';
import { missingType } from '#proxy/filters/http/missing';
import { httpFilterTypes } from '#proxy/filters/http/registry';
import { routerType } from '#proxy/filters/http/router';
import { configured, type HttpFilterConfig, type HttpFilterType } from '#proxy/http/http-filter';
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
  switch (configType?.$case) {
    case 'configDiscovery':
      return decodeDiscovery(filter, configType.value, field, findings);
    case 'typedConfig': {
      const type = typeOf(configType.value);
      if (type !== undefined) return configured(type, name, type.decode(configType.value.value, field, findings), disabled);
      if (!isOptional) findings.report(field, `filter ${name} (${configType.value.typeUrl}) is not known`);
      return undefined;
    }
    default:
      findings.report(field, `filter ${name} has neither typed_config nor config_discovery`);
      return undefined;
  }
}

/** What ECDS sends. */
export function decodeExtension({ name, typedConfig: any }: TypedExtensionConfig, findings: Findings): HttpFilterConfig | undefined {
  const type = any && typeOf(any);
  if (any === undefined || type === undefined) {
    findings.report('typed_config', `${any?.typeUrl ?? 'nothing'} is no HTTP filter that is known`);
    return undefined;
  }
  return configured(type, name, type.decode(any.value, 'typed_config', findings));
}

function decodeDiscovery(
  { name, disabled }: HttpFilter,
  { configSource, defaultConfig, applyDefaultConfigWithoutWarming, typeUrls }: ExtensionConfigSource,
  field: string,
  findings: Findings,
): HttpFilterConfig | undefined {
  const at = `${field}.config_discovery`;
  if (configSource?.configSourceSpecifier?.$case !== 'ads') findings.report(`${at}.config_source`, 'anything but ads is not supported');
  const messages = typeUrls.map((url) => url.slice(url.lastIndexOf('/') + 1));
  const unknown = messages.find((message) => !httpFilterTypes.some((type) => type.message === message));
  if (messages.length === 0) findings.report(`${at}.type_urls`, 'is empty');
  if (unknown !== undefined) findings.report(`${at}.type_urls`, `filter ${name} (${unknown}) is not known`);
  const type = defaultConfig && typeOf(defaultConfig);
  if (defaultConfig && type === undefined) findings.report(`${at}.default_config`, `${defaultConfig.typeUrl} is not known`);
  const fallback = type && configured(type, name, type.decode(defaultConfig.value, `${at}.default_config`, findings), disabled);
  const waits = !(applyDefaultConfigWithoutWarming && fallback !== undefined);
  return { ...configured(missingType, name, undefined, disabled), discovered: { messages, fallback, waits } };
}

function typeOf(any: Any): HttpFilterType | undefined {
  return httpFilterTypes.find(({ message }) => message === messageName(any));
}
