// RequestAuthentication of Istio: which JSON Web Tokens some workloads take.
import { type Static, Type } from '@sinclair/typebox';
import type { Kind } from '#api/kind';
import { bool, duration, enumOf, message, opaque, text } from '../schema/field.ts';
import { objectSchema } from '../schema/metadata.ts';
import { nonEmpty, nonEmptyTexts, oneTarget, selectorOrTargets } from '../schema/policy-target.ts';

const jwksUri = Type.String({ minLength: 1, maxLength: 2048, constraints: ['http-url'] });

const jwtRuleSchema = message(
  {
    issuer: nonEmpty,
    audiences: nonEmptyTexts,
    jwksUri,
    jwks_uri: jwksUri,
    jwks: text,
    fromHeaders: Type.Array(message({ name: nonEmpty, prefix: text }, ['name'])),
    fromParams: nonEmptyTexts,
    fromCookies: nonEmptyTexts,
    outputPayloadToHeader: text,
    outputClaimToHeaders: Type.Array(
      message({ header: Type.String({ minLength: 1, pattern: '^[-_A-Za-z0-9]+$' }), claim: nonEmpty }, ['header', 'claim']),
    ),
    forwardOriginalToken: bool,
    presence: enumOf('OPTIONAL', 'REQUIRED'),
    spaceDelimitedClaims: Type.Array(nonEmpty, { maxItems: 64 }),
    timeout: duration,
  },
  [],
  { atMostOne: ['jwksUri', 'jwks_uri', 'jwks'] },
);

const requestAuthenticationSpecSchema = message({ ...selectorOrTargets, jwtRules: Type.Array(jwtRuleSchema, { maxItems: 4096 }) }, [], {
  atMostOne: oneTarget,
});

const requestAuthenticationSchema = objectSchema('RequestAuthentication', {
  spec: Type.Optional(requestAuthenticationSpecSchema),
  status: Type.Optional(opaque),
});

export type RequestAuthentication = Static<typeof requestAuthenticationSchema>;
export type JwtRule = Static<typeof jwtRuleSchema>;

export const requestAuthenticationKind: Kind = {
  kind: 'RequestAuthentication',
  plural: 'requestauthentications',
  singular: 'requestauthentication',
  shortNames: ['ra'],
  group: 'security.istio.io',
  versions: ['v1', 'v1beta1'],
  namespaced: true,
  schema: requestAuthenticationSchema,
};
