// An istiod that fetches the keys of RequestAuthentications from any address, inner ones too.
import { keyOf } from '#api/kind';
import type { Deployment } from '#api/kinds/deployment';
import { analyzer, type Finding, finding } from '../analyzer.ts';
import type { Resources } from '../resources.ts';

const variable = 'BLOCKED_CIDRS_IN_JWKS_URIS';
const namesMax = 5;

function* check(object: Deployment, resources: Resources): Iterable<Finding> {
  const policies = resources.all('security.istio.io/RequestAuthentication');
  if (policies.length === 0 || object.metadata.labels?.['app'] !== 'istiod') return;
  const environment = object.spec.template.spec.containers.flatMap(({ env = [] }) => env);
  if (environment.some(({ name, value }) => name === variable && value)) return;
  const names = policies.slice(0, namesMax).map(({ metadata }) => keyOf(metadata));
  const more = policies.length > namesMax ? `, and ${policies.length - namesMax} more` : '';
  const message = `fetches the keys of ${policies.length} RequestAuthentications (${names.join(', ')}${more}) from any address`;
  yield finding('IST0175', object, 'spec.template.spec.containers', message, `set ${variable} to the ranges of your inner networks`);
}

export const blockedCidrs = analyzer('authn.BlockedCIDRsAnalyzer', ['apps/Deployment'], check);
