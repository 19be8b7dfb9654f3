// An AuthorizationPolicy that guards nothing, or that speaks of namespaces that do not exist.
import type { AuthorizationPolicy } from '#api/kinds/authorization-policy';
import { analyzer, type Finding, finding } from '../analyzer.ts';
import { podInAmbient, podInMesh } from '../injection-state.ts';
import { podsOf, selectorText } from '../labels.ts';
import type { Resources } from '../resources.ts';

function* check(object: AuthorizationPolicy, resources: Resources): Iterable<Finding> {
  yield* checkWorkloads(object, resources);
  for (const [index, { from = [] }] of (object.spec?.rules ?? []).entries()) {
    for (const [position, { source = {} }] of from.entries()) {
      for (const name of ['namespaces', 'notNamespaces'] as const) {
        for (const [at, pattern] of (source[name] ?? []).entries()) {
          if (namespaceExists(pattern, resources)) continue;
          const field = `spec.rules[${index}].from[${position}].source.${name}[${at}]`;
          yield finding('IST0101', object, field, `no namespace is called ${pattern}`, 'apply the Namespace, or mend the name');
        }
      }
    }
  }
}

function* checkWorkloads(object: AuthorizationPolicy, resources: Resources): Iterable<Finding> {
  const { selector, targetRef, targetRefs } = object.spec ?? {};
  if (targetRef || targetRefs?.length) return;
  const { namespace = '' } = object.metadata;
  const meshWide = namespace === resources.meshConfig.rootNamespace;
  if (meshWide && !selector) return;
  const labels = selector?.matchLabels ?? {};
  const pods = podsOf(resources, labels, meshWide ? undefined : namespace);
  if (pods.some((pod) => podInMesh(pod, resources) || podInAmbient(pod))) return;
  const what = selectorText(labels) || 'any label';
  yield finding(
    'IST0127',
    object,
    selector ? 'spec.selector' : '',
    `guards nothing: no pod of the mesh has ${what}${meshWide ? '' : ` in ${namespace}`}`,
  );
}

function namespaceExists(pattern: string, resources: Resources): boolean {
  if (pattern === '*') return resources.all('/Namespace').length > 0;
  const lower = pattern.toLowerCase();
  return resources.all('/Namespace').some(({ metadata: { name } }) => {
    if (pattern.startsWith('*')) return name.endsWith(pattern.slice(1));
    return pattern.endsWith('*') ? name.startsWith(pattern.slice(0, -1)) : name.toLowerCase() === lower;
  });
}

export const authorizationPolicy = analyzer('auth.AuthorizationPoliciesAnalyzer', ['security.istio.io/AuthorizationPolicy'], check);
