// ProxyConfig of Istio: settings of the proxies of some workloads.
import { type Static, Type } from '@sinclair/typebox';
import type { Kind } from '#api/kind';
import { message, opaque, text } from '../schema/field.ts';
import { matchLabelsSelectorSchema } from '../schema/label-selector.ts';
import { objectSchema } from '../schema/metadata.ts';

const proxyConfigSpecSchema = message({
  selector: matchLabelsSelectorSchema,
  concurrency: Type.Integer({ minimum: 0, format: 'int32' }),
  environmentVariables: Type.Record(Type.String(), Type.String({ maxLength: 2048 })),
  image: message({ imageType: text }),
});

const proxyConfigSchema = objectSchema('ProxyConfig', {
  spec: Type.Optional(proxyConfigSpecSchema),
  status: Type.Optional(opaque),
});

export type ProxyConfig = Static<typeof proxyConfigSchema>;

export const proxyConfigKind: Kind = {
  kind: 'ProxyConfig',
  plural: 'proxyconfigs',
  singular: 'proxyconfig',
  shortNames: [],
  group: 'networking.istio.io',
  versions: ['v1beta1'],
  namespaced: true,
  schema: proxyConfigSchema,
};
