// Envoy's hash policies of a route -> HashPolicy.
import type {
  RouteAction_HashPolicy_Cookie as EnvoyHashCookie,
  RouteAction_HashPolicy as EnvoyHashPolicy,
} from '#codec/protobuf/generated/envoy/config/route/v3/route_components';
import type { HashPolicy } from '#proxy/route/hash-policy';
import { type Findings, milliseconds } from './findings.ts';

export function decodeHashPolicies(policies: readonly EnvoyHashPolicy[], field: string, findings: Findings): HashPolicy[] {
  return policies.flatMap((policy, i) => decodeHashPolicy(policy, `${field}.hash_policy[${i}]`, findings) ?? []);
}

function decodeHashPolicy({ policySpecifier, terminal }: EnvoyHashPolicy, field: string, findings: Findings): HashPolicy | undefined {
  switch (policySpecifier?.$case) {
    case 'header': {
      const { headerName, regexRewrite } = policySpecifier.value;
      if (regexRewrite !== undefined) findings.report(`${field}.header.regex_rewrite`, 'is not supported');
      return { terminal, kind: 'header', name: headerName.toLowerCase() };
    }
    case 'cookie':
      return { terminal, kind: 'cookie', name: policySpecifier.value.name, attributes: cookieAttributes(policySpecifier.value) };
    case 'connectionProperties':
      return policySpecifier.value.sourceIp ? { terminal, kind: 'source_ip' } : undefined;
    case 'queryParameter':
      return { terminal, kind: 'query_parameter', name: policySpecifier.value.name };
    default:
      findings.report(field, `${policySpecifier?.$case ?? 'a policy without specifier'} is not supported`);
      return undefined;
  }
}

/** Undefined: the client is to have the cookie already. A lifetime of 0 means a cookie of the session. */
function cookieAttributes({ ttl, path, attributes }: EnvoyHashCookie): string | undefined {
  if (ttl === undefined) return undefined;
  const seconds = Math.floor(milliseconds(ttl, 0) / 1000);
  const parts = [
    ...(seconds > 0 ? [`Max-Age=${seconds}`] : []),
    ...(path === '' ? [] : [`Path=${path}`]),
    ...attributes.map(({ name, value }) => (value === '' ? name : `${name}=${value}`)),
    'HttpOnly',
  ];
  return parts.map((part) => `; ${part}`).join('');
}
