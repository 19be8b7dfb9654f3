// Which admission webhooks a write concerns: admissionregistration.k8s.io/v1's rules and selectors. Pure.
import type { ApiObject, Kind } from '#api/kind';
import type { LabelSelector } from '#api/kubernetes-kinds';
import { matchesSelector } from '#api/label-selector';
import type { MatchCondition } from '../cel/match-conditions.ts';

export type Operation = 'CREATE' | 'UPDATE' | 'DELETE';

/** A write that is asked for. */
export interface Admitted {
  operation: Operation;
  kind: Kind;
  version: string;
  subresource: string;
  /** Empty for kinds of the cluster. */
  namespace: string;
  /** Undefined where it is deleted. */
  object: ApiObject | undefined;
  /** Undefined where it is new. */
  old: ApiObject | undefined;
}

interface Rule {
  operations?: readonly string[];
  apiGroups?: readonly string[];
  apiVersions?: readonly string[];
  resources?: readonly string[];
  scope?: string;
}

/** One webhook of a configuration, as far as it is read. */
export interface Webhook {
  name: string;
  clientConfig: { url?: string; service?: { name: string; namespace: string; path?: string; port?: number }; caBundle?: string };
  rules?: readonly Rule[];
  failurePolicy?: 'Fail' | 'Ignore';
  sideEffects?: string;
  timeoutSeconds?: number;
  reinvocationPolicy?: 'Never' | 'IfNeeded';
  namespaceSelector?: LabelSelector;
  objectSelector?: LabelSelector;
  matchConditions?: readonly MatchCondition[];
}

/** `namespaceLabels`: of the object's namespace; undefined for kinds of the cluster. */
export function concerns(webhook: Webhook, write: Admitted, namespaceLabels: Readonly<Record<string, string>> | undefined): boolean {
  const labels = [write.object, write.old].flatMap((object) => (object ? [object.metadata.labels ?? {}] : []));
  return (
    (webhook.rules ?? []).some((rule) => matchesRule(rule, write)) &&
    (namespaceLabels === undefined || matchesSelector(webhook.namespaceSelector, namespaceLabels)) &&
    labels.some((each) => matchesSelector(webhook.objectSelector, each))
  );
}

/** Whatever version the rule names: `matchPolicy: Equivalent`, Kubernetes' default. */
function matchesRule({ operations = [], apiGroups = [], apiVersions = [], resources = [], scope = '*' }: Rule, write: Admitted): boolean {
  const { kind, operation, subresource } = write;
  const has = (list: readonly string[], ...values: readonly string[]) => list.includes('*') || values.some((value) => list.includes(value));
  const named = resources.some((each) => {
    const [resource = '', sub = ''] = each.split('/');
    return (resource === '*' || resource === kind.plural) && (sub === subresource || (sub === '*' && each !== '*') || each === '*/*');
  });
  return (
    named &&
    has(operations, operation) &&
    has(apiGroups, kind.group) &&
    has(apiVersions, ...kind.versions) &&
    (scope === '*' || (scope === 'Namespaced') === kind.namespaced)
  );
}
