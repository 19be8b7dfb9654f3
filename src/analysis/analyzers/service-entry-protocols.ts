// ServiceEntries that give one port of one host different protocols.
import { keyOf } from '#api/kind';
import type { ServiceEntry } from '#api/kinds/service-entry';
import { analyzer, type Finding, finding } from '../analyzer.ts';
import { exportScopes } from '../exported-hosts.ts';
import { grouped, type Resources } from '../resources.ts';

const kind = 'networking.istio.io/ServiceEntry';

interface Use {
  key: string;
  scope: string;
  protocol: string;
  field: string;
  object: ServiceEntry;
}

function usesOf(object: ServiceEntry): Use[] {
  const { hosts, ports = [], exportTo } = object.spec;
  return exportScopes(exportTo, object.metadata.namespace ?? '').flatMap((scope) =>
    hosts.flatMap((host) =>
      ports.map(({ number, protocol = '' }, index) => ({
        key: `${host}:${number}`,
        scope,
        protocol: protocol.toUpperCase(),
        field: `spec.ports[${index}]`,
        object,
      })),
    ),
  );
}

const uses = (resources: Resources) =>
  grouped(
    resources
      .all<ServiceEntry>(kind)
      .flatMap(usesOf)
      .map((use) => [use.key, use] as const),
  );

function* check(object: ServiceEntry, resources: Resources): Iterable<Finding> {
  for (const own of usesOf(object)) {
    const seen = (resources.derived(uses).get(own.key) ?? []).filter(
      ({ scope }) => scope === own.scope || scope === '*' || own.scope === '*',
    );
    const other = seen.find(({ protocol }) => protocol !== own.protocol);
    if (!other) continue;
    const name = other.object === object ? 'this entry itself' : keyOf(other.object.metadata);
    const message = `${own.key} is ${own.protocol || 'unsaid'} here and ${other.protocol || 'unsaid'} in ${name}`;
    // Once for each resource, as Istio does.
    return yield finding('IST0177', object, own.field, message, 'give one port of a host one protocol');
  }
}

export const serviceEntryProtocols = analyzer('serviceentry.ConflictingServiceEntryProtocolAnalyzer', [kind], check);
