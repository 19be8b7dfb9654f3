// WasmPlugin of Istio: a WebAssembly module in the filter chain of some workloads.
import { type Static, Type } from '@sinclair/typebox';
import type { Kind } from '#api/kind';
import { enumOf, message, opaque } from '../schema/field.ts';
import { objectSchema } from '../schema/metadata.ts';
import { oneTarget, selectorOrTargets } from '../schema/policy-target.ts';
import { trafficMatchSchema, wasmModuleFields } from '../schema/wasm-module.ts';

const wasmPluginSpecSchema = message(
  {
    ...selectorOrTargets,
    ...wasmModuleFields,
    match: trafficMatchSchema,
    phase: enumOf('UNSPECIFIED_PHASE', 'AUTHN', 'AUTHZ', 'STATS'),
    priority: Type.Integer({ format: 'int32' }),
  },
  ['url'],
  { atMostOne: oneTarget },
);

const wasmPluginSchema = objectSchema('WasmPlugin', { spec: wasmPluginSpecSchema, status: Type.Optional(opaque) });

export type WasmPlugin = Static<typeof wasmPluginSchema>;

export const wasmPluginKind: Kind = {
  kind: 'WasmPlugin',
  plural: 'wasmplugins',
  singular: 'wasmplugin',
  shortNames: [],
  group: 'extensions.istio.io',
  versions: ['v1alpha1'],
  namespaced: true,
  schema: wasmPluginSchema,
};
