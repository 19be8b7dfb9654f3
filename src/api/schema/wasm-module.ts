// A WebAssembly module that proxies load: where it comes from, how it is run, and on which traffic. Of WasmPlugin and
// TrafficExtension.
import { Type } from '@sinclair/typebox';
import { enumOf, message, opaqueObject, port, text } from './field.ts';

export const trafficMatchSchema = Type.Array(
  message({
    mode: enumOf('UNDEFINED', 'CLIENT', 'SERVER', 'CLIENT_AND_SERVER'),
    ports: Type.Array(message({ number: port }, ['number'])),
  }),
);

const environmentVariableSchema = message(
  {
    name: Type.String({ minLength: 1, maxLength: 256 }),
    value: Type.String({ maxLength: 2048 }),
    valueFrom: enumOf('INLINE', 'HOST'),
  },
  ['name'],
  { constraints: ['inline-value-only'] },
);

export const wasmModuleFields = {
  url: Type.String({ minLength: 1, constraints: ['module-url'] }),
  sha256: Type.String({ pattern: '(^$|^[a-f0-9]{64}$)' }),
  imagePullPolicy: enumOf('UNSPECIFIED_POLICY', 'IfNotPresent', 'Always'),
  imagePullSecret: Type.String({ minLength: 1, maxLength: 253 }),
  pluginConfig: opaqueObject,
  pluginName: Type.String({ minLength: 1, maxLength: 256 }),
  failStrategy: enumOf('FAIL_CLOSE', 'FAIL_OPEN', 'FAIL_RELOAD'),
  type: enumOf('UNSPECIFIED_PLUGIN_TYPE', 'HTTP', 'NETWORK'),
  verificationKey: text,
  vmConfig: message({ env: Type.Array(environmentVariableSchema, { maxItems: 256 }) }),
};
