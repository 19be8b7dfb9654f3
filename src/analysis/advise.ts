// Advice on one object that was just written, among all that are stored. For the API server's warnings.
import { type ApiObject, type Kind, keyOf } from '#api/kind';
import { destinationRuleKind } from '#api/kinds/destination-rule';
import { gatewayKind } from '#api/kinds/gateway';
import { serviceKind } from '#api/kinds/service';
import { serviceEntryKind } from '#api/kinds/service-entry';
import { virtualServiceKind } from '#api/kinds/virtual-service';
import type { Problem } from '#foundation/problem';
import type { Analyzer, Finding } from './analyzer.ts';
import { conflictingMeshHosts } from './analyzers/conflicting-mesh-hosts.ts';
import { conflictingServers } from './analyzers/conflicting-servers.ts';
import { conflictingSubsets } from './analyzers/conflicting-subsets.ts';
import { notYetInEffect } from './analyzers/not-yet-in-effect.ts';
import { virtualServiceDestination } from './analyzers/virtual-service-destination.ts';
import { virtualServiceGateway } from './analyzers/virtual-service-gateway.ts';
import { virtualServiceSubset } from './analyzers/virtual-service-subset.ts';
import { kindKeyOf, Resources } from './resources.ts';

/** A store that can be read at once, without a promise. */
export interface Viewable {
  view(): { all(kind: Kind): Iterable<ApiObject> };
}

/** What matters at once to who writes an object. The rest is for `lateen analyze`. */
const analyzers: readonly Analyzer[] = [
  virtualServiceDestination,
  virtualServiceSubset,
  virtualServiceGateway,
  conflictingMeshHosts,
  conflictingServers,
  conflictingSubsets,
  notYetInEffect,
];
/** What these look at beside the object itself. */
const indexed: readonly Kind[] = [serviceKind, serviceEntryKind, destinationRuleKind, virtualServiceKind, gatewayKind];

/** The index is built anew for each object, so that it cannot be out of date: 1 to 2 ms where 2,000 objects are stored. */
export function advise(store: Viewable): (object: ApiObject) => Problem[] {
  return (object) => {
    const kind = kindKeyOf(object);
    const concerned = analyzers.filter(({ kinds }) => kinds.includes(kind));
    if (concerned.length === 0) return [];
    const view = store.view();
    const resources = new Resources(indexed.flatMap((each) => [...view.all(each)]));
    return concerned.flatMap((each) => [...each.check(object, resources)].map(warning));
  };
}

/** The order of applying is free: nothing is an error yet. */
function warning({ code, object, field, message, hint, origin }: Finding): Problem {
  return {
    level: 'warning',
    code,
    message,
    field,
    object: `${object.kind} ${keyOf(object.metadata)}`,
    ...(hint !== undefined && { hint }),
    ...(origin && { origin }),
  };
}
