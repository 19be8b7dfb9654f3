// EnvoyFilter of Istio: patches of the Envoy configuration that the control plane makes.
import { type Static, Type } from '@sinclair/typebox';
import type { Kind } from '#api/kind';
import { enumOf, message, opaque, opaqueObject, port, stringMap, text, uint32 } from '../schema/field.ts';
import { objectSchema } from '../schema/metadata.ts';
import { workloadSelectorOrTargetRefs } from '../schema/policy-target.ts';

const filterMatchSchema = message({ name: text, subFilter: message({ name: text }) });

const listenerMatchSchema = message({
  name: text,
  portName: text,
  portNumber: uint32,
  listenerFilter: text,
  filterChain: message({
    name: text,
    sni: text,
    transportProtocol: text,
    applicationProtocols: text,
    transportSocket: text,
    destinationPort: uint32,
    filter: filterMatchSchema,
  }),
});

const routeConfigurationMatchSchema = message({
  name: text,
  gateway: text,
  portName: text,
  portNumber: uint32,
  vhost: message({
    name: text,
    domainName: text,
    route: message({ name: text, action: enumOf('ANY', 'ROUTE', 'REDIRECT', 'DIRECT_RESPONSE') }),
  }),
});

const matchSchema = message(
  {
    context: enumOf('ANY', 'SIDECAR_INBOUND', 'SIDECAR_OUTBOUND', 'GATEWAY', 'WAYPOINT'),
    proxy: message({ proxyVersion: text, metadata: stringMap }),
    listener: listenerMatchSchema,
    routeConfiguration: routeConfigurationMatchSchema,
    cluster: message({ name: text, service: text, subset: text, portNumber: uint32 }),
    waypoint: message({ filter: filterMatchSchema, portNumber: port, route: message({ name: text }) }),
  },
  [],
  { atMostOne: ['listener', 'routeConfiguration', 'cluster', 'waypoint'], constraints: ['waypoint-context'] },
);

const patchSchema = message({
  operation: enumOf(
    ...['INVALID', 'MERGE', 'ADD', 'REMOVE', 'INSERT_BEFORE', 'INSERT_AFTER', 'INSERT_FIRST', 'REPLACE', 'MERGE_AND_REPLACE_LIST'],
  ),
  value: opaqueObject,
  filterClass: enumOf('UNSPECIFIED', 'AUTHN', 'AUTHZ', 'STATS'),
});

const configPatchSchema = message({
  applyTo: enumOf(
    ...['INVALID', 'LISTENER', 'FILTER_CHAIN', 'NETWORK_FILTER', 'HTTP_FILTER', 'ROUTE_CONFIGURATION', 'VIRTUAL_HOST', 'HTTP_ROUTE'],
    ...['CLUSTER', 'EXTENSION_CONFIG', 'BOOTSTRAP', 'LISTENER_FILTER'],
  ),
  match: matchSchema,
  patch: patchSchema,
});

const envoyFilterSpecSchema = message(
  { ...workloadSelectorOrTargetRefs, configPatches: Type.Array(configPatchSchema), priority: Type.Integer({ format: 'int32' }) },
  [],
  { atMostOne: ['workloadSelector', 'targetRefs'] },
);

const envoyFilterSchema = objectSchema('EnvoyFilter', { spec: Type.Optional(envoyFilterSpecSchema), status: Type.Optional(opaque) });

export type EnvoyFilter = Static<typeof envoyFilterSchema>;
export type ConfigPatch = Static<typeof configPatchSchema>;

export const envoyFilterKind: Kind = {
  kind: 'EnvoyFilter',
  plural: 'envoyfilters',
  singular: 'envoyfilter',
  shortNames: [],
  group: 'networking.istio.io',
  versions: ['v1alpha3'],
  namespaced: true,
  schema: envoyFilterSchema,
};
