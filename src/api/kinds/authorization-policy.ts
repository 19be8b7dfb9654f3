// AuthorizationPolicy of Istio: who may do what with some workloads.
import { type Static, Type } from '@sinclair/typebox';
import type { Kind } from '#api/kind';
import { enumOf, message, opaque, text, texts } from '../schema/field.ts';
import { objectSchema } from '../schema/metadata.ts';
import { oneTarget, selectorOrTargets } from '../schema/policy-target.ts';

const accounts = Type.Array(Type.String({ maxLength: 320 }), { maxItems: 16 });

const sourceSchema = message(
  {
    principals: texts,
    notPrincipals: texts,
    requestPrincipals: texts,
    notRequestPrincipals: texts,
    namespaces: texts,
    notNamespaces: texts,
    serviceAccounts: accounts,
    notServiceAccounts: accounts,
    trustDomains: texts,
    notTrustDomains: texts,
    ipBlocks: texts,
    notIpBlocks: texts,
    remoteIpBlocks: texts,
    notRemoteIpBlocks: texts,
  },
  [],
  { constraints: ['accounts-alone'] },
);

const operationSchema = message({
  hosts: texts,
  notHosts: texts,
  ports: texts,
  notPorts: texts,
  methods: texts,
  notMethods: texts,
  paths: texts,
  notPaths: texts,
});

const conditionSchema = message({ key: text, values: texts, notValues: texts }, ['key']);

const ruleSchema = message({
  from: Type.Array(message({ source: sourceSchema }), { maxItems: 512 }),
  to: Type.Array(message({ operation: operationSchema })),
  when: Type.Array(conditionSchema),
});

const authorizationPolicySpecSchema = message(
  {
    ...selectorOrTargets,
    rules: Type.Array(ruleSchema, { maxItems: 512 }),
    action: enumOf('ALLOW', 'DENY', 'AUDIT', 'CUSTOM'),
    provider: message({ name: text }),
  },
  [],
  { atMostOne: oneTarget },
);

const authorizationPolicySchema = objectSchema('AuthorizationPolicy', {
  spec: Type.Optional(authorizationPolicySpecSchema),
  status: Type.Optional(opaque),
});

export type AuthorizationPolicy = Static<typeof authorizationPolicySchema>;
export type AuthorizationRule = Static<typeof ruleSchema>;

export const authorizationPolicyKind: Kind = {
  kind: 'AuthorizationPolicy',
  plural: 'authorizationpolicies',
  singular: 'authorizationpolicy',
  shortNames: ['ap'],
  group: 'security.istio.io',
  versions: ['v1', 'v1beta1'],
  namespaced: true,
  schema: authorizationPolicySchema,
};
