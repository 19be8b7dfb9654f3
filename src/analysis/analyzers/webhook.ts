// Webhooks of Istio's injector: no pod may be injected twice, and each must call a Service that exists.
import type { WebhookConfiguration } from '#api/kubernetes-kinds';
import { analyzer, type Finding, finding } from '../analyzer.ts';
import { injectionLabel, injectName, revisionLabel } from '../injection-state.ts';
import { type Labels, matchesSelector } from '../labels.ts';
import type { Resources } from '../resources.ts';

const kind = 'admissionregistration.k8s.io/MutatingWebhookConfiguration';

type Hook = NonNullable<WebhookConfiguration['webhooks']>[number];

interface OwnedHook {
  object: WebhookConfiguration;
  hook: Hook;
  index: number;
}

/** All that injects, with the labels of namespaces and pods that tell the injectors apart. */
function injectors(resources: Resources) {
  const configurations = resources.all<WebhookConfiguration>(kind);
  const ours = configurations.filter(
    (object) => revisionsOf(object).length > 0 || (object.webhooks ?? []).some(({ name }) => name.endsWith('istio.io')),
  );
  const revisions = [...new Set(ours.flatMap(revisionsOf))];
  const hooks = ours.flatMap((object) => (object.webhooks ?? []).map((hook, index): OwnedHook => ({ object, hook, index })));
  return {
    hooks,
    namespaces: combinations(injectionLabel, ['enabled', 'disabled'], revisions),
    pods: combinations(injectName, ['true', 'false'], revisions),
  };
}

function combinations(label: string, values: readonly string[], revisions: readonly string[]): Labels[] {
  const base: Labels[] = [{}, ...values.map((value) => ({ [label]: value }))];
  return [...base, ...revisions.flatMap((revision) => base.map((labels) => ({ ...labels, [revisionLabel]: revision })))];
}

function revisionsOf({ metadata, webhooks = [] }: WebhookConfiguration): string[] {
  const selectors = webhooks.flatMap(({ namespaceSelector, objectSelector }) => [namespaceSelector, objectSelector]);
  const named = selectors.flatMap((selector) => [
    selector?.matchLabels?.[revisionLabel],
    ...(selector?.matchExpressions ?? []).flatMap(({ key, values = [] }) => (key === revisionLabel ? values : [])),
  ]);
  return [metadata.labels?.[revisionLabel], ...named].filter((revision): revision is string => revision !== undefined);
}

function* check(object: WebhookConfiguration, resources: Resources): Iterable<Finding> {
  const { hooks, namespaces, pods } = resources.derived(injectors);
  for (const own of hooks.filter((each) => each.object === object)) {
    const rivals = new Set(
      namespaces.flatMap((namespace) =>
        pods.flatMap((pod) =>
          takes(own.hook, namespace, pod) ? hooks.filter((other) => other !== own && takes(other.hook, namespace, pod)) : [],
        ),
      ),
    );
    const names = [...rivals].map(({ object: { metadata }, hook }) => `${metadata.name}/${hook.name}`).sort();
    if (names.length > 0) {
      const message = `webhook ${own.hook.name} takes pods that ${names.join(', ')} takes too: they would be injected twice`;
      yield finding('IST0139', object, `webhooks[${own.index}]`, message, 'tell them apart by their selectors');
    }
    const { service } = own.hook.clientConfig ?? {};
    if (!service || resources.find('/Service', service.namespace ?? '', service.name ?? '')) continue;
    const message = `webhook ${own.hook.name} calls Service ${service.namespace}/${service.name}, which does not exist`;
    yield finding('IST0139', object, `webhooks[${own.index}].clientConfig.service`, message);
  }
}

function takes({ namespaceSelector, objectSelector }: Hook, namespace: Labels, pod: Labels): boolean {
  return matchesSelector(namespaceSelector, namespace) && matchesSelector(objectSelector, pod);
}

export const webhook = analyzer('webhook.Analyzer', [kind], check);
