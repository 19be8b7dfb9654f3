// Decides who may do what: the policies of Envoy's RBAC, for requests and for connections.
import { RBAC_Action as Action, type Policy, type RBAC } from '#codec/protobuf/generated/envoy/config/rbac/v3/rbac';
import type { Findings } from '#proxy/config/findings';
import { decodePermission, decodePrincipal, type SubjectTest } from './rule.ts';
import type { Subject } from './subject.ts';

export interface Verdict {
  readonly allowed: boolean;
  /** The policy that matched; undefined: none. */
  readonly policy: string | undefined;
}

/** What shadow rules would do, as metadata tells it: to access logs, and to filters that ask for it. */
export function rehearsal({ allowed, policy }: Verdict, prefix: string): Readonly<Record<string, unknown>> {
  return {
    [`${prefix}shadow_engine_result`]: allowed ? 'allowed' : 'denied',
    ...(policy !== undefined && { [`${prefix}shadow_effective_policy_id`]: policy }),
  };
}

export interface RbacEngine {
  readonly logs: boolean;
  decide(subject: Subject): Verdict;
}

/** Undefined without rules: everything is allowed. */
export function decodeRbac(rbac: RBAC | undefined, field: string, findings: Findings): RbacEngine | undefined {
  if (rbac === undefined) return undefined;
  // In the order of their names, as Envoy's map has them.
  const policies = Object.entries(rbac.policies)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, policy]) => [name, decodePolicy(policy, `${field}.policies[${name}]`, findings)] as const);
  const { action } = rbac;
  if (action !== Action.ALLOW && action !== Action.DENY && action !== Action.LOG) findings.report(`${field}.action`, 'is not known');
  return {
    logs: action === Action.LOG,
    decide(subject) {
      const policy = policies.find(([, test]) => test(subject))?.[0];
      const matched = policy !== undefined;
      return { allowed: action === Action.LOG || matched === (action === Action.ALLOW), policy };
    },
  };
}

function decodePolicy({ permissions, principals, condition, checkedCondition }: Policy, field: string, findings: Findings): SubjectTest {
  if (condition !== undefined || checkedCondition !== undefined) findings.report(`${field}.condition`, 'is not supported');
  const may = permissions.map((permission, i) => decodePermission(permission, `${field}.permissions[${i}]`, findings));
  const who = principals.map((principal, i) => decodePrincipal(principal, `${field}.principals[${i}]`, findings));
  return (subject) => may.some((test) => test(subject)) && who.some((test) => test(subject));
}
