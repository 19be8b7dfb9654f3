// Several Services in front of one Deployment that see its ports differently.
import type { Deployment } from '#api/kinds/deployment';
import type { Service } from '#api/kinds/service';
import { analyzer, type Finding, finding } from '../analyzer.ts';
import { deploymentInMesh } from '../injection-state.ts';
import { selects } from '../labels.ts';
import { grouped, type Resources } from '../resources.ts';

const byNamespace = (resources: Resources) =>
  grouped(
    resources
      .all<Service>('/Service')
      .filter(({ spec }) => Object.keys(spec.selector ?? {}).length > 0)
      .map((service) => [service.metadata.namespace ?? '', service] as const),
  );

function* check(object: Deployment, resources: Resources): Iterable<Finding> {
  if (!deploymentInMesh(object, resources)) return;
  const labels = object.spec.template.metadata?.labels ?? {};
  const services = (resources.derived(byNamespace).get(object.metadata.namespace ?? '') ?? []).filter(({ spec }) =>
    selects(spec.selector ?? {}, labels),
  );
  const ports = services.flatMap(({ metadata, spec }) => (spec.ports ?? []).map((port) => ({ ...port, service: metadata.name })));
  for (const [port, uses] of grouped(ports.map((use) => [`${use.port}`, use] as const))) {
    const protocols = new Set(uses.map(({ protocol = 'TCP' }) => protocol));
    if (protocols.size < 2) continue;
    const message = `port ${port} is ${[...protocols].sort().join(' and ')}, by the Services ${namesOf(uses)}`;
    yield finding('IST0116', object, 'metadata.name', message, 'give one port one protocol');
  }
  for (const [target, uses] of grouped(ports.map((use) => [`${use.targetPort || use.port}`, use] as const))) {
    const numbers = [...new Set(uses.map(({ port }) => port))];
    if (numbers.length < 2) continue;
    const message = `target port ${target} is reached by ports ${numbers.sort((a, b) => a - b).join(', ')}, of the Services ${namesOf(uses)}`;
    yield finding('IST0137', object, 'metadata.name', message, 'use the same port in all Services');
  }
}

function namesOf(uses: readonly { service: string }[]): string {
  return [...new Set(uses.map(({ service }) => service))].sort().join(', ');
}

export const multiService = analyzer('deployment.MultiServiceAnalyzer', ['apps/Deployment'], check);
