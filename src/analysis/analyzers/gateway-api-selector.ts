// Policies that select the pods of a Gateway of the Gateway API by labels: there only targetRefs act.
import type { AuthorizationPolicy } from '#api/kinds/authorization-policy';
import { analyzer, type Finding, finding, type KindKey } from '../analyzer.ts';
import { podsOf } from '../labels.ts';
import type { Resources } from '../resources.ts';

const gatewayLabel = 'gateway.networking.k8s.io/gateway-name';

const policies: readonly KindKey[] = [
  'security.istio.io/AuthorizationPolicy',
  'security.istio.io/RequestAuthentication',
  'telemetry.istio.io/Telemetry',
  'extensions.istio.io/WasmPlugin',
];

/** All of these kinds select as this one does. */
function* check(object: AuthorizationPolicy, resources: Resources): Iterable<Finding> {
  const { selector, targetRef, targetRefs } = object.spec ?? {};
  if (!selector || targetRef || targetRefs?.length) return;
  for (const { metadata } of podsOf(resources, selector.matchLabels ?? {}, object.metadata.namespace)) {
    const gateway = metadata.labels?.[gatewayLabel];
    if (gateway === undefined) continue;
    yield finding('IST0166', object, 'spec.selector', `the selector does not act for Gateway ${gateway}`, 'name the Gateway in targetRefs');
  }
}

export const gatewayApiSelector = analyzer('k8sgateway.SelectorAnalyzer', policies, check);
