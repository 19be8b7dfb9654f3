// Which rule of which VirtualService a route or filter chain was made from, as its metadata.
import { originOf } from '#api/origin';
import { Metadata } from '#codec/protobuf/generated/envoy/config/core/v3/base';
import type { MeshVirtualService } from '#control/mesh/traffic-resource';

/** Istio's `config` names the resource; Lateen adds where it is written. `field`: `spec.http[0]`. */
export function ruleMetadata(service: MeshVirtualService, field: string): Metadata {
  const origin = originOf(service.object, field);
  return Metadata.fromPartial({
    filterMetadata: {
      istio: { config: `/apis/networking.istio.io/v1/namespaces/${service.namespace}/virtual-service/${service.name}` },
      lateen: {
        resource: `VirtualService ${service.namespace}/${service.name}`,
        rule: field,
        ...(origin && { file: origin.file, line: origin.line }),
      },
    },
  });
}
