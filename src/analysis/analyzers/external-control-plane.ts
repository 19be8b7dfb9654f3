// Webhooks that call a control plane outside of the cluster: whether their address can be one.
import type { WebhookConfiguration } from '#api/kubernetes-kinds';
import { isAddress } from '#api/rules/names';
import { analyzer, type Finding, finding } from '../analyzer.ts';

function* check(object: WebhookConfiguration): Iterable<Finding> {
  const { name } = object.metadata;
  const validates = name === 'istiod-default-validator' || name.startsWith('istio-validator');
  const ours = object.kind === 'ValidatingWebhookConfiguration' ? validates : name.startsWith('istio-sidecar-injector');
  if (!ours) return;
  for (const [index, webhook] of (object.webhooks ?? []).entries()) {
    const { url, service } = webhook.clientConfig ?? {};
    const field = `webhooks[${index}].clientConfig`;
    if (url === undefined) {
      if (!service) yield finding('IST0163', object, field, `webhook ${webhook.name} has neither url nor service: it calls nobody`);
    } else if (!URL.canParse(url)) {
      yield finding('IST0163', object, `${field}.url`, `webhook ${webhook.name} calls "${url}", which is no URL`);
    } else if (isAddress(new URL(url).hostname.replaceAll(/^\[|\]$/g, ''))) {
      const message = `webhook ${webhook.name} calls ${url} by address: it is lost when the address changes`;
      yield finding('IST0164', object, `${field}.url`, message, 'use the name of a host');
    }
  }
}

export const externalControlPlane = analyzer(
  'externalcontrolplane.ExternalControlPlaneAnalyzer',
  ['admissionregistration.k8s.io/ValidatingWebhookConfiguration', 'admissionregistration.k8s.io/MutatingWebhookConfiguration'],
  check,
);
