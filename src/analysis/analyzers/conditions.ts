// Conditions in a resource's status that say that it does not act.
import { isPlainObject } from '#api/json';
import type { ApiObject } from '#api/kind';
import { analyzer, type Finding, finding, type KindKey } from '../analyzer.ts';
import { kindKeyOf } from '../resources.ts';

const waypointBound = ['istio.io/WaypointBound'];
const ofGatewayApi = ['Accepted', 'Programmed', 'ResolvedRefs'];

/** Those that are bad news when they are false. */
const negativeWhenFalse: Readonly<Record<KindKey, readonly string[]>> = {
  '/Service': waypointBound,
  'networking.istio.io/ServiceEntry': waypointBound,
  'security.istio.io/AuthorizationPolicy': ['ZtunnelAccepted', 'WaypointAccepted'],
  'gateway.networking.k8s.io/Gateway': ofGatewayApi,
  'gateway.networking.k8s.io/HTTPRoute': ofGatewayApi,
  'gateway.networking.k8s.io/GRPCRoute': ofGatewayApi,
};

function* check(object: ApiObject): Iterable<Finding> {
  const kind = kindKeyOf(object);
  for (const { type, status, reason = '', message = '' } of conditionsOf(object)) {
    const negative = status === 'False' && negativeWhenFalse[kind]?.includes(String(type));
    const partial = kind === 'security.istio.io/AuthorizationPolicy' && type === 'WaypointAccepted' && reason === 'PartiallyInvalid';
    if (negative || partial) yield finding('IST0171', object, 'status', `condition ${type} is ${status} (${reason}): ${message}`);
  }
}

/** Routes of the Gateway API have some for each parent. */
function conditionsOf(object: ApiObject): Record<string, unknown>[] {
  const { status } = object as ApiObject & { status?: unknown };
  if (!isPlainObject(status)) return [];
  const { conditions, parents } = status;
  const lists = [
    conditions,
    ...(Array.isArray(parents) ? parents.map((parent: unknown) => isPlainObject(parent) && parent['conditions']) : []),
  ];
  return lists.flatMap((list) => (Array.isArray(list) ? list.filter(isPlainObject) : []));
}

export const conditions = analyzer('conditions.ConditionAnalyzer', Object.keys(negativeWhenFalse) as KindKey[], check);
