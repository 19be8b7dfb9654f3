// AuthorizationPolicies of a workload as RBAC filters: first what denies, then what allows, as Istio evaluates them.
import type { Filter } from '#codec/protobuf/generated/envoy/config/listener/v3/listener_components';
import { RBAC_Action as Action, type Policy } from '#codec/protobuf/generated/envoy/config/rbac/v3/rbac';
import { RBAC as HttpRbac } from '#codec/protobuf/generated/envoy/extensions/filters/http/rbac/v3/rbac';
import type { HttpFilter } from '#codec/protobuf/generated/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager';
import { RBAC as NetworkRbac } from '#codec/protobuf/generated/envoy/extensions/filters/network/rbac/v3/rbac';
import type { MeshAuthorizationPolicy } from '#control/mesh/traffic-resource';
import { nothing, rulePolicy } from './authorization-rule.ts';
import { httpFilter } from './http-filter.ts';
import { pack } from './message.ts';

export const networkRbacName = 'envoy.filters.network.rbac';

interface RuleSet {
  action: Action;
  policies: Readonly<Record<string, Policy>>;
}

export function httpAuthorization(policies: readonly MeshAuthorizationPolicy[]): HttpFilter[] {
  return ruleSets(policies, false).map(rbacFilter);
}

/** What the rules are about is denied. */
export function denialOf(rules: Readonly<Record<string, Policy>>): HttpFilter {
  return rbacFilter({ action: Action.DENY, policies: rules });
}

function rbacFilter(rules: RuleSet): HttpFilter {
  return httpFilter('envoy.filters.http.rbac', pack('envoy.extensions.filters.http.rbac.v3.RBAC', HttpRbac, { rules }));
}

export function networkAuthorization(policies: readonly MeshAuthorizationPolicy[]): Filter[] {
  return ruleSets(policies, true).map((rules) => networkRbac({ rules }));
}

/** The same of connections. */
export function connectionDenialOf(rules: Readonly<Record<string, Policy>>): Filter {
  return networkRbac({ rules: { action: Action.DENY, policies: rules } });
}

export function networkRbac(rbac: Parameters<typeof NetworkRbac.fromPartial>[0]): Filter {
  const value = pack('envoy.extensions.filters.network.rbac.v3.RBAC', NetworkRbac, { ...rbac, statPrefix: 'tcp.' });
  return { name: networkRbacName, configType: { $case: 'typedConfig', value } };
}

function ruleSets(policies: readonly MeshAuthorizationPolicy[], tcp: boolean): RuleSet[] {
  const of = (action: string) => policies.filter(({ object }) => (object.spec?.action ?? 'ALLOW') === action);
  const sets: RuleSet[] = [];
  const denied = rulesOf(of('DENY'), tcp ? 'denies' : 'no');
  if (Object.keys(denied).length > 0) sets.push({ action: Action.DENY, policies: denied });
  const audited = rulesOf(of('AUDIT'), tcp ? 'denies' : 'no');
  if (!tcp && Object.keys(audited).length > 0) sets.push({ action: Action.LOG, policies: audited });
  const allowing = of('ALLOW');
  if (allowing.length > 0) {
    const allowed = rulesOf(allowing, tcp ? 'allows' : 'no');
    // Policies that allow nothing still close what they are for.
    sets.push({ action: Action.ALLOW, policies: Object.keys(allowed).length > 0 ? allowed : { 'allow-nothing': nothing } });
  }
  return sets;
}

/** By what they are called in logs. */
export function rulesOf(policies: readonly MeshAuthorizationPolicy[], tcp: 'no' | 'allows' | 'denies'): Record<string, Policy> {
  const named = policies.flatMap(({ namespace, name, object }) =>
    (object.spec?.rules ?? []).flatMap((rule, i): [string, Policy][] => {
      const policy = rulePolicy(rule, namespace, tcp);
      return policy === undefined ? [] : [[`ns[${namespace}]-policy[${name}]-rule[${i}]`, policy]];
    }),
  );
  return Object.fromEntries(named);
}
