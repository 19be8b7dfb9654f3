// Checks the JSON Web Tokens of requests: Envoy's `jwt_authn` filter. Keys that have to be fetched are waited for, then all is decided
// at once.
import {
  JwtAuthentication,
  PerRouteConfig,
  type RequirementRule,
} from '#codec/protobuf/generated/envoy/extensions/filters/http/jwt_authn/v3/config';
import { decodeRouteMatch } from '#proxy/config/decode-matcher';
import type { Findings } from '#proxy/config/findings';
import { decodeProvider, type JwtFault, Provider, type ProviderConfig } from '#proxy/filters/jwt/provider';
import { decodeRequirement, type Providers, type Requirement } from '#proxy/filters/jwt/requirement';
import { type HttpFilterType, routeConfig } from '#proxy/http/http-filter';
import type { HttpStream } from '#proxy/http/stream';
import { pathnameOf, type RouteMatch, routeMatches } from '#proxy/route/route-match';
import { responseFlag } from '#telemetry/response-flags';

interface JwtConfig {
  readonly providers: ReadonlyMap<string, ProviderConfig>;
  /** The first that matches counts. */
  readonly rules: readonly { readonly match: RouteMatch; readonly requirement: Requirement | undefined }[];
  /** For routes that ask by name. */
  readonly named: ReadonlyMap<string, Requirement>;
  readonly bypassPreflights: boolean;
  readonly stripFailureResponse: boolean;
}

/** The name of a requirement; undefined: none here. */
type JwtRouteConfig = { readonly requirement: string | undefined };

export const jwtAuthnType: HttpFilterType<JwtConfig, JwtRouteConfig> = {
  message: 'envoy.extensions.filters.http.jwt_authn.v3.JwtAuthentication',
  decode,
  perRoute: {
    message: 'envoy.extensions.filters.http.jwt_authn.v3.PerRouteConfig',
    decode(bytes) {
      const { requirementSpecifier: specifier } = PerRouteConfig.decode(bytes);
      return { requirement: specifier?.$case === 'requirementName' ? specifier.value : undefined };
    },
  },
  make(config, { name, runtime, statPrefix }) {
    const providers: Providers = new Map([...config.providers].map(([key, provider]) => [key, new Provider(provider, runtime)]));
    const allowed = runtime.counters.get(`http.${statPrefix}.jwt_authn.allowed`);
    const denied = runtime.counters.get(`http.${statPrefix}.jwt_authn.denied`);
    return {
      request(stream) {
        for (const provider of providers.values()) provider.sanitize(stream);
        if (config.bypassPreflights && isPreflight(stream)) return 'continue';
        const requirement = requirementOf(stream, config, routeConfig(stream, jwtAuthnType, name));
        if (requirement === undefined) return 'continue';
        const decide = () => {
          const fault = requirement.verify(stream, providers);
          (fault === undefined ? allowed : denied).value++;
          if (fault !== undefined) refuse(stream, fault, config.stripFailureResponse);
          return fault === undefined;
        };
        const stale = requirement.providers
          .map((key) => providers.get(key)!)
          .filter((provider) => !provider.source.fresh && provider.isAsked(stream));
        if (stale.length === 0) return decide() ? 'continue' : 'stop';
        awaitKeys(stream, stale, () => {
          if (decide()) stream.continueRequest();
        });
        return 'stop';
      },
    };
  },
};

function decode(bytes: Uint8Array, field: string, findings: Findings): JwtConfig {
  const config = JwtAuthentication.decode(bytes);
  if (config.filterStateRules !== undefined) findings.report(`${field}.filter_state_rules`, 'is not supported');
  const known = Object.keys(config.providers);
  const named = new Map(
    Object.entries(config.requirementMap).map(([name, requirement]) => [
      name,
      decodeRequirement(requirement, known, `${field}.requirement_map[${name}]`, findings),
    ]),
  );
  return {
    providers: new Map(
      Object.entries(config.providers).map(([name, each]) => [name, decodeProvider(each, `${field}.providers[${name}]`, findings)]),
    ),
    rules: config.rules.map((rule, i) => decodeRule(rule, known, named, `${field}.rules[${i}]`, findings)),
    named,
    bypassPreflights: config.bypassCorsPreflight,
    stripFailureResponse: config.stripFailureResponse,
  };
}

function decodeRule(
  { match, requirementType }: RequirementRule,
  known: readonly string[],
  named: JwtConfig['named'],
  field: string,
  findings: Findings,
): JwtConfig['rules'][number] {
  const decoded = decodeRouteMatch(match, `${field}.match`, findings);
  if (requirementType?.$case === 'requires') {
    return { match: decoded, requirement: decodeRequirement(requirementType.value, known, `${field}.requires`, findings) };
  }
  if (requirementType === undefined) return { match: decoded, requirement: undefined };
  const requirement = named.get(requirementType.value);
  if (requirement === undefined) findings.report(`${field}.requirement_name`, `${requirementType.value} is not in requirement_map`);
  return { match: decoded, requirement };
}

function requirementOf(stream: HttpStream, config: JwtConfig, route: JwtRouteConfig | undefined): Requirement | undefined {
  if (route !== undefined) return route.requirement === undefined ? undefined : config.named.get(route.requirement);
  const pathname = pathnameOf(stream.path);
  return config.rules.find(({ match }) => routeMatches(match, stream, pathname, stream.manager.runtime.random))?.requirement;
}

function isPreflight({ request }: HttpStream): boolean {
  return request.method === 'OPTIONS' && request.has('origin') && request.has('access-control-request-method');
}

function awaitKeys(stream: HttpStream, providers: readonly Provider[], then: () => void): void {
  let left = providers.length;
  const cancels: (() => void)[] = [];
  stream.pending = {
    cancel: () => {
      for (const cancel of cancels) cancel();
    },
  };
  for (const { source } of providers) {
    cancels.push(
      source.refresh(() => {
        if (--left > 0 || stream.ended) return;
        stream.pending = undefined;
        then();
      }),
    );
  }
}

function refuse(stream: HttpStream, fault: NonNullable<JwtFault>, strip: boolean): void {
  const forbidden = fault.kind === 'audience';
  const realm = `Bearer realm="${stream.scheme}://${stream.authority}${stream.originalPath.split('?', 1)[0]}"`;
  const challenge = fault.kind === 'missing' ? realm : `${realm}, error="invalid_token"`;
  stream.reply({
    status: forbidden ? 403 : 401,
    flags: responseFlag.none,
    details: `jwt_authn_access_denied{${fault.message.replace(/\s/g, '_')}}`,
    ...(strip ? {} : { body: fault.message }),
    ...(forbidden || strip ? {} : { headers: [['www-authenticate', challenge]] as const }),
  });
}
