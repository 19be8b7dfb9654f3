// Programs that run as the proxy's own user: their traffic is not captured.

import { isPlainObject } from '#api/json';
import type { ApiObject } from '#api/kind';
import type { Deployment } from '#api/kinds/deployment';
import type { Pod } from '#api/kinds/pod';
import { analyzer, type Finding, finding } from '../analyzer.ts';
import { isControlPlane, proxyName } from '../injection-state.ts';

const proxyUser = 1337;

function* check(object: Pod | Deployment): Iterable<Finding> {
  if (isControlPlane(object as ApiObject)) return;
  const [spec, at] = 'template' in object.spec ? [object.spec.template.spec, 'spec.template.spec'] : [object.spec as Pod['spec'], 'spec'];
  const containers = (spec.containers ?? []).map((container, index) => [container, `${at}.containers[${index}]`] as const);
  const programs = containers.filter(([{ name }]) => name !== proxyName && name !== 'istio-operator');
  const runners: (readonly [{ securityContext?: unknown }, string])[] = [[spec, at], ...programs];
  for (const [{ securityContext }, field] of runners) {
    if (!isPlainObject(securityContext) || securityContext['runAsUser'] !== proxyUser) continue;
    const message = `runs as user ${proxyUser}, which is the proxy's: its traffic goes past the proxy`;
    yield finding('IST0144', object, `${field}.securityContext`, message, 'choose another runAsUser');
  }
}

export const applicationUid = analyzer('applicationUID.Analyzer', ['/Pod', 'apps/Deployment'], check);
