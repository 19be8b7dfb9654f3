// AuthorizationPolicies with the action CUSTOM: a service of MeshConfig's `extensionProviders` is asked. As Istio does it, by two filters: the
// rules are rehearsed by an RBAC filter, and what they are about is what the `ext_authz` filter asks of.
import { ApiVersion } from '#codec/protobuf/generated/envoy/config/core/v3/config_source';
import type { Filter } from '#codec/protobuf/generated/envoy/config/listener/v3/listener_components';
import { RBAC_Action as Action, type Policy } from '#codec/protobuf/generated/envoy/config/rbac/v3/rbac';
import { ExtAuthz } from '#codec/protobuf/generated/envoy/extensions/filters/http/ext_authz/v3/ext_authz';
import { RBAC as HttpRbac } from '#codec/protobuf/generated/envoy/extensions/filters/http/rbac/v3/rbac';
import { ExtAuthz as NetworkExtAuthz } from '#codec/protobuf/generated/envoy/extensions/filters/network/ext_authz/v3/ext_authz';
import type { HttpFilter } from '#codec/protobuf/generated/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager';
import type { MetadataMatcher } from '#codec/protobuf/generated/envoy/type/matcher/v3/metadata';
import type { ListStringMatcher, StringMatcher } from '#codec/protobuf/generated/envoy/type/matcher/v3/string';
import type { AuthorizationProvider, ExtensionProvider } from '#control/mesh/extension-provider';
import type { MeshAuthorizationPolicy } from '#control/mesh/traffic-resource';
import { connectionDenialOf, denialOf, networkRbac, networkRbacName, rulesOf } from './authorization.ts';
import { outboundClusterName } from './cluster-name.ts';
import { httpFilter } from './http-filter.ts';
import { durationOf, pack } from './message.ts';
import { grpcServiceOf } from './tracing.ts';

const rbacName = 'envoy.filters.http.rbac';
const statPrefix = 'istio_ext_authz_';
const rulePrefix = 'istio-ext-authz';

/**
 * `policies`: of a workload, all of them. One service is asked: where policies name several, or one that there is not, what they are about is
 * denied.
 */
export function externalAuthorization(policies: readonly MeshAuthorizationPolicy[], providers: readonly ExtensionProvider[]): HttpFilter[] {
  const custom = policies.filter(isCustom);
  const rules = rulesOf(custom, 'no');
  if (Object.keys(rules).length === 0) return [];
  const provider = providerOf(custom, providers);
  if (provider === undefined) return [denialOf(rules)];
  return [
    httpFilter(rbacName, pack('envoy.extensions.filters.http.rbac.v3.RBAC', HttpRbac, rehearsal(rules))),
    httpFilter('envoy.filters.http.ext_authz', pack('envoy.extensions.filters.http.ext_authz.v3.ExtAuthz', ExtAuthz, inquiry(provider))),
  ];
}

/** The same of connections, which can be asked about by gRPC alone. */
export function externalConnectionAuthorization(
  policies: readonly MeshAuthorizationPolicy[],
  providers: readonly ExtensionProvider[],
): Filter[] {
  const custom = policies.filter(isCustom);
  const rules = rulesOf(custom, 'denies');
  if (Object.keys(rules).length === 0) return [];
  const provider = providerOf(custom, providers);
  if (provider?.kind !== 'envoyExtAuthzGrpc') return [connectionDenialOf(rules)];
  const value = pack('envoy.extensions.filters.network.ext_authz.v3.ExtAuthz', NetworkExtAuthz, {
    statPrefix: 'tcp.',
    grpcService: grpcServiceFor(provider),
    transportApiVersion: apiVersion,
    failureModeAllow: provider.failOpen,
    filterEnabledMetadata: rehearsed(networkRbacName),
  });
  return [networkRbac(rehearsal(rules)), { name: 'envoy.filters.network.ext_authz', configType: { $case: 'typedConfig', value } }];
}

const isCustom = ({ object }: MeshAuthorizationPolicy): boolean => object.spec?.action === 'CUSTOM';

/** Undefined: nobody can be asked. */
function providerOf(
  custom: readonly MeshAuthorizationPolicy[],
  providers: readonly ExtensionProvider[],
): AuthorizationProvider | undefined {
  const names = new Set(custom.map(({ object }) => object.spec?.provider?.name));
  const provider = names.size === 1 ? providers.find(({ name }) => names.has(name)) : undefined;
  return provider?.kind === 'envoyExtAuthzHttp' || provider?.kind === 'envoyExtAuthzGrpc' ? provider : undefined;
}

function rehearsal(rules: Readonly<Record<string, Policy>>) {
  const marked = Object.fromEntries(Object.entries(rules).map(([name, policy]) => [`${rulePrefix}-${name}`, policy]));
  return { shadowRules: { action: Action.DENY, policies: marked }, shadowRulesStatPrefix: statPrefix };
}

/** The rules that were rehearsed by the filter `name` are about it. */
function rehearsed(name: string): Parameters<typeof MetadataMatcher.fromPartial>[0] {
  return {
    filter: name,
    path: [{ segment: { $case: 'key', value: `${statPrefix}shadow_effective_policy_id` } }],
    value: { matchPattern: { $case: 'stringMatch', value: { matchPattern: { $case: 'prefix', value: rulePrefix } } } },
  };
}

const apiVersion = ApiVersion.V3;

function grpcServiceFor({ host, port, timeoutMs }: AuthorizationProvider) {
  return { ...grpcServiceOf(outboundClusterName(port, '', host), host), timeout: durationOf(timeoutMs) };
}

type ExtAuthzPartial = Parameters<typeof ExtAuthz.fromPartial>[0];

function inquiry(provider: AuthorizationProvider): ExtAuthzPartial {
  const { failOpen, statusOnError, clearRouteCache, body } = provider;
  return {
    transportApiVersion: apiVersion,
    filterEnabledMetadata: rehearsed(rbacName),
    failureModeAllow: failOpen,
    statusOnError: { code: statusOnError },
    clearRouteCache,
    ...(body && { withRequestBody: body }),
    ...service(provider),
  };
}

function service(provider: AuthorizationProvider): ExtAuthzPartial {
  const { host, port, timeoutMs } = provider;
  if (provider.kind === 'envoyExtAuthzGrpc') return { services: { $case: 'grpcService', value: grpcServiceFor(provider) } };
  const cluster = outboundClusterName(port, '', host);
  const timeout = durationOf(timeoutMs);
  const { pathPrefix, toldHeaders, addedHeaders, onAllow, onDeny, downstreamOnAllow } = provider;
  return {
    ...(toldHeaders.length > 0 && { allowedHeaders: matchers(toldHeaders) }),
    services: {
      $case: 'httpService',
      value: {
        serverUri: { uri: `http://${host}`, httpUpstreamType: { $case: 'cluster', value: cluster }, timeout },
        pathPrefix,
        authorizationRequest: { headersToAdd: Object.entries(addedHeaders).map(([key, value]) => ({ key, value })) },
        authorizationResponse: {
          ...(onAllow.length > 0 && { allowedUpstreamHeaders: matchers(onAllow) }),
          ...(onDeny.length > 0 && { allowedClientHeaders: matchers(onDeny) }),
          ...(downstreamOnAllow.length > 0 && { allowedClientHeadersOnSuccess: matchers(downstreamOnAllow) }),
        },
      },
    },
  };
}

/** Names, `prefix*` and `*suffix`, whatever their case. */
function matchers(names: readonly string[]): ListStringMatcher {
  return { patterns: names.map((name): StringMatcher => ({ matchPattern: pattern(name), ignoreCase: true })) };
}

function pattern(name: string): StringMatcher['matchPattern'] {
  if (name.endsWith('*')) return { $case: 'prefix', value: name.slice(0, -1) };
  return name.startsWith('*') ? { $case: 'suffix', value: name.slice(1) } : { $case: 'exact', value: name };
}
