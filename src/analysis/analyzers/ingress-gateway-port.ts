// Ports of a Gateway that the Service of its proxies does not lead to.
import type { Gateway } from '#api/kinds/gateway';
import type { Service } from '#api/kinds/service';
import { analyzer, type Finding, finding } from '../analyzer.ts';
import { podsOf, selectorText, selects } from '../labels.ts';
import { grouped, type Resources } from '../resources.ts';

const byNamespace = (resources: Resources) =>
  grouped(resources.all<Service>('/Service').map((service) => [service.metadata.namespace ?? '', service] as const));

function* check(object: Gateway, resources: Resources): Iterable<Finding> {
  const { selector = {}, servers = [] } = object.spec;
  const pods = podsOf(resources, selector);
  if (pods.length === 0) return yield noPods(object);
  const services = resources.derived(byNamespace);
  const ports = new Set(
    pods.flatMap(({ metadata }) =>
      (services.get(metadata.namespace ?? '') ?? [])
        .filter(({ spec }) => selects(spec.selector ?? {}, metadata.labels))
        .flatMap(({ spec }) =>
          (spec.ports ?? []).map(({ port, targetPort }) => (typeof targetPort === 'number' && targetPort !== 0 ? targetPort : port)),
        ),
    ),
  );
  for (const [index, { port }] of servers.entries()) {
    if (ports.has(port.number)) continue;
    const message = `no Service leads to port ${port.number} of the proxies with ${selectorText(selector)}`;
    yield finding('IST0162', object, `spec.servers[${index}].port.number`, message, `they have ${[...ports].join(', ') || 'none'}`);
  }
}

/** Also said by those who need the proxies for something else. */
export function noPods(object: Gateway): Finding {
  const message = `no pod has ${selectorText(object.spec.selector ?? {})}: no proxy opens these ports`;
  return finding('IST0101', object, 'spec.selector', message, 'start such a gateway, or mend the selector');
}

export const ingressGatewayPort = analyzer('gateway.IngressGatewayPortAnalyzer', ['networking.istio.io/Gateway'], check);
