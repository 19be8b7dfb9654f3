// Identities of a mesh that has, or had, several names: whose certificates are taken for the mesh's own, and what policies mean by a principal.
// https://istio.io/latest/docs/tasks/security/authorization/authz-td-migration/
import type { AuthorizationPolicy } from '#api/kinds/authorization-policy';
import type { MeshConfig } from '#control/mesh/mesh-config';
import type { MeshAuthorizationPolicy } from '#control/mesh/traffic-resource';

type TrustConfig = Pick<MeshConfig, 'trustDomain' | 'trustDomainAliases'>;
type Rule = NonNullable<NonNullable<AuthorizationPolicy['spec']>['rules']>[number];

/** The mesh's own first. */
export function trustDomains({ trustDomain, trustDomainAliases }: TrustConfig): readonly string[] {
  return [...new Set([trustDomain, ...trustDomainAliases])];
}

/** In policies it stands for the mesh's own domain, whatever that is. */
const localDomain = 'cluster.local';

/** A principal of one of the mesh's domains is meant in all of them. */
export function acrossTrustDomains(policy: MeshAuthorizationPolicy, config: TrustConfig): MeshAuthorizationPolicy {
  const domains = trustDomains(config);
  if (domains.length === 1 && domains[0] === localDomain) return policy;
  const spread = (principals: readonly string[] | undefined) => principals?.flatMap((principal) => inAll(principal, domains));
  const { object } = policy;
  const rules = object.spec?.rules?.map((rule) => spreadRule(rule, spread));
  return rules === undefined ? policy : { ...policy, object: { ...object, spec: { ...object.spec, rules } } };
}

function spreadRule(rule: Rule, spread: (principals: readonly string[] | undefined) => string[] | undefined): Rule {
  const { from, when } = rule;
  return {
    ...rule,
    ...(from && {
      from: from.map(({ source }) => {
        const principals = spread(source?.principals);
        const notPrincipals = spread(source?.notPrincipals);
        return { source: { ...source, ...(principals && { principals }), ...(notPrincipals && { notPrincipals }) } };
      }),
    }),
    ...(when && {
      when: when.map((condition) => {
        if (condition.key !== 'source.principal') return condition;
        const values = spread(condition.values);
        const notValues = spread(condition.notValues);
        return { ...condition, ...(values && { values }), ...(notValues && { notValues }) };
      }),
    }),
  };
}

function inAll(principal: string, domains: readonly string[]): readonly string[] {
  const slash = principal.indexOf('/');
  const domain = principal.slice(0, Math.max(0, slash));
  if (!domains.includes(domain) && domain !== localDomain) return [principal];
  return domains.map((each) => each + principal.slice(slash));
}
