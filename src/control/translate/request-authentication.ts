// RequestAuthentications of a workload as one jwt_authn filter, as Istio makes it.

import type { JwtRule } from '#api/kinds/request-authentication';
import {
  JwtAuthentication,
  JwtProvider,
  JwtRequirement,
} from '#codec/protobuf/generated/envoy/extensions/filters/http/jwt_authn/v3/config';
import type { HttpFilter } from '#codec/protobuf/generated/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager';
import type { MeshRequestAuthentication } from '#control/mesh/traffic-resource';
import { durationMs } from '#foundation/duration';
import { durationOf, pack } from './message.ts';

/** A key that nobody has the other half of: where no keys are known, every token is refused. */
const nobodysKey =
  '{"keys":[{"kty":"EC","crv":"P-256","x":"WXwtANrXuecXJS2NlKTHCch2gUe9F5at5BiNdqmQqRk","y":"95dcxrP5e4Wx1PScJNmI0y0U3Bg2mLfM5Voy3C-VpuY"}]}';

const fetchTimeoutMs = 5_000;
const cacheMs = 20 * 60_000;
const spaceDelimited = ['scope', 'permission'];

/** `clusterOf`: over which the keys of a URL are fetched. */
export function jwtAuthentication(policies: readonly MeshRequestAuthentication[], clusterOf: (uri: string) => string): HttpFilter[] {
  const rules = policies.flatMap(({ object }) => object.spec?.jwtRules ?? []);
  if (rules.length === 0) return [];
  const providers = Object.fromEntries(rules.map((rule, i) => [`origins-${i}`, provider(rule, clusterOf)]));
  const config = pack('envoy.extensions.filters.http.jwt_authn.v3.JwtAuthentication', JwtAuthentication, {
    providers,
    rules: [
      {
        match: { pathSpecifier: { $case: 'prefix', value: '/' } },
        requirementType: { $case: 'requires', value: requirement(rules) },
      },
    ],
    bypassCorsPreflight: true,
  });
  return [
    { name: 'envoy.filters.http.jwt_authn', configType: { $case: 'typedConfig', value: config }, isOptional: false, disabled: false },
  ];
}

/**
 * One provider: its token, if there is one, must be good. Several: any one good token will do; otherwise each that is there must be
 * good, so that a request without any passes.
 */
function requirement(rules: readonly JwtRule[]): JwtRequirement {
  const named = rules.map((_, i) => JwtRequirement.fromPartial({ requiresType: { $case: 'providerName', value: `origins-${i}` } }));
  const missing = JwtRequirement.fromPartial({ requiresType: { $case: 'allowMissing', value: {} } });
  const anyOf = (requirements: JwtRequirement[]): JwtRequirement => ({ requiresType: { $case: 'requiresAny', value: { requirements } } });
  const orMissing = named.map((each, i) => (rules[i]?.presence === 'REQUIRED' ? each : anyOf([each, missing])));
  const [only] = orMissing;
  if (only && orMissing.length === 1) return only;
  return anyOf([...named, { requiresType: { $case: 'requiresAll', value: { requirements: orMissing } } }]);
}

export function jwksUriOf({ jwks, jwksUri, jwks_uri: older }: JwtRule): string | undefined {
  return jwks ? undefined : (jwksUri ?? older);
}

/** A set that cannot be read is as good as none: a proxy would refuse the whole listener. */
function usable(jwks: string | undefined): string {
  try {
    const { keys } = JSON.parse(jwks ?? '') as { keys?: unknown };
    return jwks && Array.isArray(keys) && keys.length > 0 ? jwks : nobodysKey;
  } catch {
    return nobodysKey;
  }
}

function provider(rule: JwtRule, clusterOf: (uri: string) => string): JwtProvider {
  const uri = jwksUriOf(rule);
  const timeoutMs = (rule.timeout && durationMs(rule.timeout)) || fetchTimeoutMs;
  return JwtProvider.fromPartial({
    issuer: rule.issuer,
    audiences: rule.audiences ?? [],
    jwksSourceSpecifier:
      uri === undefined
        ? { $case: 'localJwks', value: { specifier: { $case: 'inlineString', value: usable(rule.jwks) } } }
        : {
            $case: 'remoteJwks',
            value: {
              httpUri: { uri, httpUpstreamType: { $case: 'cluster', value: clusterOf(uri) }, timeout: durationOf(timeoutMs) },
              cacheDuration: durationOf(cacheMs),
            },
          },
    forward: rule.forwardOriginalToken ?? false,
    fromHeaders: (rule.fromHeaders ?? []).map(({ name, prefix }) => ({ name, valuePrefix: prefix ?? '' })),
    fromParams: rule.fromParams ?? [],
    fromCookies: rule.fromCookies ?? [],
    forwardPayloadHeader: rule.outputPayloadToHeader ?? '',
    claimToHeaders: (rule.outputClaimToHeaders ?? []).map(({ header, claim }) => ({ headerName: header, claimName: claim })),
    payloadInMetadata: 'payload',
    normalizePayloadInMetadata: { spaceDelimitedClaims: [...spaceDelimited, ...(rule.spaceDelimitedClaims ?? [])] },
  });
}
