// `image: auto` stands for the proxy that injection puts there: without injection such a pod cannot start.
import type { Deployment } from '#api/kinds/deployment';
import type { Pod } from '#api/kinds/pod';
import type { WebhookConfiguration } from '#api/kubernetes-kinds';
import { analyzer, type Finding, finding } from '../analyzer.ts';
import { proxyName } from '../injection-state.ts';
import { matchesSelector } from '../labels.ts';
import type { Resources } from '../resources.ts';

const webhooks = (resources: Resources) =>
  resources
    .all<WebhookConfiguration>('admissionregistration.k8s.io/MutatingWebhookConfiguration')
    .flatMap((configuration) => configuration.webhooks ?? [])
    .filter(({ name }) => name.endsWith('istio.io'));

function* check(object: Pod | Deployment, resources: Resources): Iterable<Finding> {
  const hint = 'set injection for the namespace or the pod, or name an image';
  if (!('template' in object.spec)) {
    if (isAuto(object.spec as Pod['spec']))
      yield finding('IST0147', object, 'spec.containers', 'has image: auto, which nobody replaced', hint);
    return;
  }
  const { spec, metadata = {} } = object.spec.template;
  if (!isAuto(spec)) return;
  const namespace = resources.find('/Namespace', '', object.metadata.namespace ?? 'default');
  const injected = resources
    .derived(webhooks)
    .some(
      (webhook) =>
        matchesSelector(webhook.namespaceSelector, namespace?.metadata.labels ?? {}) &&
        matchesSelector(webhook.objectSelector, metadata.labels ?? {}),
    );
  if (!injected) yield finding('IST0146', object, 'spec.template.spec.containers', 'has image: auto, which no injector will replace', hint);
}

function isAuto({ containers }: Pod['spec']): boolean {
  return (containers ?? []).some(({ name, image }) => name === proxyName && image === 'auto');
}

export const injectionImageAuto = analyzer('injection.ImageAutoAnalyzer', ['/Pod', 'apps/Deployment'], check);
