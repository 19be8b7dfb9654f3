// TrafficExtension of Istio: a Wasm module or a Lua script that proxies run on the traffic of some workloads.
import { type Static, Type } from '@sinclair/typebox';
import type { Kind } from '#api/kind';
import { enumOf, message, opaque } from '../schema/field.ts';
import { objectSchema } from '../schema/metadata.ts';
import { selectorOrTargetRefs } from '../schema/policy-target.ts';
import { trafficMatchSchema, wasmModuleFields } from '../schema/wasm-module.ts';

const trafficExtensionSpecSchema = message(
  {
    ...selectorOrTargetRefs,
    match: trafficMatchSchema,
    phase: enumOf('UNSPECIFIED', 'AUTHN', 'AUTHZ', 'STATS'),
    priority: Type.Integer({ format: 'int32' }),
    wasm: message(wasmModuleFields, ['url']),
    lua: message({ inlineCode: Type.String({ minLength: 1, maxLength: 65_536 }) }, ['inlineCode']),
  },
  [],
  { atMostOne: ['selector', 'targetRefs'], exactlyOne: ['wasm', 'lua'] },
);

const trafficExtensionSchema = objectSchema('TrafficExtension', { spec: trafficExtensionSpecSchema, status: Type.Optional(opaque) });

export type TrafficExtension = Static<typeof trafficExtensionSchema>;

export const trafficExtensionKind: Kind = {
  kind: 'TrafficExtension',
  plural: 'trafficextensions',
  singular: 'trafficextension',
  shortNames: [],
  group: 'extensions.istio.io',
  versions: ['v1alpha1'],
  namespaced: true,
  schema: trafficExtensionSchema,
};
