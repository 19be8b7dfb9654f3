// A VirtualService is bound to a Gateway that does not exist.
import { type ApiObject, keyOf } from '#api/kind';
import type { VirtualService } from '#api/kinds/virtual-service';
import { nearest } from '#api/nearest';
import type { Problem } from '#foundation/problem';
import { warning } from './analyzer.ts';
import type { ResourceIndex } from './resource-index.ts';

export function unknownGateway(object: ApiObject, resources: ResourceIndex): Problem[] {
  if (object.kind !== 'VirtualService') return [];
  const { namespace = '' } = object.metadata;
  const { gateways = [] } = (object as VirtualService).spec;
  return gateways.flatMap((gateway, index) => {
    const key = gateway.includes('/') ? gateway.replace(/^\.\//, `${namespace}/`) : `${namespace}/${gateway}`;
    if (gateway === 'mesh' || resources.gateway(key) || resources.gateway(olderForm(gateway))) return [];
    const near = nearest(
      key,
      [...resources.gateways()].map(({ metadata }) => keyOf(metadata)),
    );
    const hint = near ? `did you mean ${near}?` : 'apply the Gateway, or write namespace/name for one of another namespace';
    return [
      warning(
        object,
        'UNKNOWN_GATEWAY',
        `spec.gateways[${index}]`,
        `Gateway ${key} does not exist: nothing reaches this route through it`,
        hint,
      ),
    ];
  });
}

/** `name.namespace.svc.cluster.local`, which Istio still reads. */
function olderForm(gateway: string): string {
  const [name = '', namespace = ''] = gateway.split('.');
  return `${namespace}/${name}`;
}
