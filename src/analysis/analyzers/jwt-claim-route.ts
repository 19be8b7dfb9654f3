// Routes by the claims of a token, on gateways where no RequestAuthentication reads tokens.
import type { RequestAuthentication } from '#api/kinds/request-authentication';
import type { VirtualService } from '#api/kinds/virtual-service';
import { analyzer, type Finding, finding } from '../analyzer.ts';
import { gatewayKey, gatewayNamed } from '../gateway-reference.ts';
import { type Labels, podsOf, selects } from '../labels.ts';
import { grouped, type Resources } from '../resources.ts';

const claimPrefix = '@request.auth.claims';

const selectors = (resources: Resources) =>
  grouped<Labels>(
    resources
      .all<RequestAuthentication>('security.istio.io/RequestAuthentication')
      .map(({ metadata, spec }) => [metadata.namespace ?? '', spec?.selector?.matchLabels ?? {}] as const),
  );

function* check(object: VirtualService, resources: Resources): Iterable<Finding> {
  const claim = claimOf(object);
  if (!claim) return;
  const { namespace = '' } = object.metadata;
  const byNamespace = resources.derived(selectors);
  for (const [index, name] of (object.spec.gateways ?? []).entries()) {
    const gateway = name === 'mesh' ? undefined : gatewayNamed(name, namespace, resources);
    if (!gateway) continue;
    for (const { metadata } of podsOf(resources, gateway.spec.selector ?? {})) {
      const home = [resources.meshConfig.rootNamespace, metadata.namespace ?? ''];
      const reads = home.flatMap((each) => byNamespace.get(each) ?? []).some((selector) => selects(selector, metadata.labels));
      if (reads) continue;
      const message = `routes by ${claim}, but nothing reads tokens in pod ${metadata.name} of gateway ${gatewayKey(name, namespace)}`;
      yield finding('IST0149', object, `spec.gateways[${index}]`, message, 'apply a RequestAuthentication that selects the pod');
    }
  }
}

function claimOf({ spec }: VirtualService): string | undefined {
  const matches = (spec.http ?? []).flatMap(({ match = [] }) => match);
  return matches.flatMap((match) => Object.keys({ ...match.headers, ...match.withoutHeaders })).find((key) => key.startsWith(claimPrefix));
}

export const jwtClaimRoute = analyzer('virtualservice.JWTClaimRouteAnalyzer', ['networking.istio.io/VirtualService'], check);
