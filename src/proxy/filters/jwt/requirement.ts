// What tokens a request must have: providers, all or any of them, or none at all. Envoy's JwtRequirement.
import type { JwtRequirement } from '#codec/protobuf/generated/envoy/extensions/filters/http/jwt_authn/v3/config';
import type { Findings } from '#proxy/config/findings';
import type { HttpStream } from '#proxy/http/stream';
import type { JwtFault, Provider } from './provider.ts';

export type Providers = ReadonlyMap<string, Provider>;

export interface Requirement {
  /** Whose keys may be needed. */
  readonly providers: readonly string[];
  verify(stream: HttpStream, providers: Providers): JwtFault;
}

export function decodeRequirement(
  { requiresType }: JwtRequirement,
  known: readonly string[],
  field: string,
  findings: Findings,
): Requirement {
  const inner = (list: readonly JwtRequirement[], key: string) =>
    list.map((each, i) => decodeRequirement(each, known, `${field}.${key}[${i}]`, findings));
  const checkName = (name: string) => {
    if (!known.includes(name)) findings.report(field, `provider ${name} is not configured`);
  };
  switch (requiresType?.$case) {
    case 'providerName': {
      const name = requiresType.value;
      checkName(name);
      return { providers: [name], verify: (stream, providers) => providers.get(name)!.verify(stream) };
    }
    case 'providerAndAudiences': {
      const { providerName, audiences } = requiresType.value;
      checkName(providerName);
      return { providers: [providerName], verify: (stream, providers) => providers.get(providerName)!.verify(stream, audiences) };
    }
    case 'requiresAll': {
      const all = inner(requiresType.value.requirements, 'requires_all');
      return {
        providers: all.flatMap(({ providers }) => providers),
        verify(stream, providers) {
          for (const each of all) {
            const fault = each.verify(stream, providers);
            if (fault !== undefined) return fault;
          }
          return undefined;
        },
      };
    }
    case 'requiresAny':
      return requiresAny(requiresType.value.requirements, inner(requiresType.value.requirements.filter(isNamed), 'requires_any'));
    case 'allowMissing':
      return { providers: known, verify: (stream, providers) => lenient(tolerant(stream, providers)) };
    case 'allowMissingOrFailed':
      return {
        providers: known,
        verify(stream, providers) {
          tolerant(stream, providers);
          return undefined;
        },
      };
    case undefined:
      return { providers: [], verify: () => undefined };
  }
}

function isNamed({ requiresType }: JwtRequirement): boolean {
  return requiresType?.$case !== 'allowMissing' && requiresType?.$case !== 'allowMissingOrFailed';
}

function requiresAny(list: readonly JwtRequirement[], named: readonly Requirement[]): Requirement {
  const allowFailed = list.some(({ requiresType }) => requiresType?.$case === 'allowMissingOrFailed');
  const allowMissing = list.some(({ requiresType }) => requiresType?.$case === 'allowMissing');
  return {
    providers: named.flatMap(({ providers }) => providers),
    verify(stream, providers) {
      let worst: JwtFault;
      for (const each of named) {
        const fault = each.verify(stream, providers);
        if (fault === undefined) return undefined;
        worst = moreTelling(worst, fault);
      }
      if (allowFailed) return undefined;
      return allowMissing ? lenient(worst) : worst;
    },
  };
}

function lenient(fault: JwtFault): JwtFault {
  return fault?.kind === 'missing' ? undefined : fault;
}

/** That a token is bad says more than that it is another issuer's, and that more than that there is none. */
function moreTelling(a: JwtFault, b: JwtFault): JwtFault {
  const rank = (fault: JwtFault) => (fault === undefined ? 0 : fault.kind === 'missing' ? 1 : fault.kind === 'issuer' ? 2 : 3);
  return rank(b) > rank(a) ? b : a;
}

/** Whatever tokens there are, of whatever provider. */
function tolerant(stream: HttpStream, providers: Providers): JwtFault {
  let worst: JwtFault;
  let good = false;
  for (const provider of providers.values()) {
    const fault = provider.verify(stream);
    if (fault === undefined) good = true;
    else worst = moreTelling(worst, fault);
  }
  return good ? undefined : worst;
}
