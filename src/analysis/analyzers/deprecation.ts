// Fields and kinds that Istio has replaced or removed.
import type { ApiObject } from '#api/kind';
import type { Sidecar } from '#api/kinds/sidecar';
import type { VirtualService } from '#api/kinds/virtual-service';
import type { CustomResourceDefinition } from '#api/kubernetes-kinds';
import { analyzer, type Finding, finding } from '../analyzer.ts';

const removedKinds = ['ClusterRbacConfig', 'RbacConfig', 'ServiceRole', 'ServiceRoleBinding'];

function* check(object: ApiObject): Iterable<Finding> {
  if (object.kind === 'VirtualService') yield* checkVirtualService(object as VirtualService);
  else if (object.kind === 'Sidecar') yield* checkSidecar(object as Sidecar);
  else yield* checkDefinition(object as CustomResourceDefinition);
}

function* checkVirtualService(object: VirtualService): Iterable<Finding> {
  for (const [index, { fault }] of (object.spec.http ?? []).entries()) {
    if ((fault?.delay?.percent ?? 0) <= 0) continue;
    yield finding(
      'IST0002',
      object,
      `spec.http[${index}].fault.delay.percent`,
      'fault.delay.percent is deprecated',
      'use percentage.value',
    );
  }
}

function* checkSidecar(object: Sidecar): Iterable<Finding> {
  const field = 'spec.outboundTrafficPolicy.egressProxy';
  if (object.spec.outboundTrafficPolicy?.egressProxy) yield finding('IST0002', object, field, 'egressProxy is not read any more');
}

function* checkDefinition(object: CustomResourceDefinition): Iterable<Finding> {
  const { group, names } = object.spec ?? {};
  if (group !== 'rbac.istio.io' || !removedKinds.includes(names?.kind ?? '')) return;
  yield finding('IST0002', object, 'spec.names.kind', `kind ${names?.kind} of ${group} is removed`, 'use AuthorizationPolicy');
}

export const deprecation = analyzer(
  'deprecation.DeprecationAnalyzer',
  ['networking.istio.io/VirtualService', 'networking.istio.io/Sidecar', 'apiextensions.k8s.io/CustomResourceDefinition'],
  check,
);
