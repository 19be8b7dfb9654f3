// CustomResourceDefinitions of the Gateway API that do not serve the versions which are read, or which will be. Looked at
// before an installation or an upgrade, by `precheck`; an unserved version is no fault of the resources.
import type { CustomResourceDefinition } from '#api/kubernetes-kinds';
import { analyzer, type Finding, finding } from '../analyzer.ts';

const group = 'gateway.networking.k8s.io';
const needed: Readonly<Record<string, readonly string[]>> = {
  v1beta1: ['gateways', 'gatewayclasses', 'httproutes', 'referencegrants'],
  v1: ['gateways', 'gatewayclasses', 'httproutes', 'grpcroutes'],
};

/** Kubernetes' order of versions: `v1alpha2`, `v1beta1`, `v1`. */
function rank(version: string): number {
  const [, major = '0', stage = '', minor = '0'] = /^v(\d+)(?:(alpha|beta)(\d+))?$/.exec(version) ?? [];
  return Number(major) * 10_000 + ['alpha', 'beta', ''].indexOf(stage) * 1_000 + Number(minor);
}

function* check(object: CustomResourceDefinition): Iterable<Finding> {
  const { name } = object.metadata;
  const served = servedVersions(object);
  const newest = [...served].sort((a, b) => rank(a) - rank(b)).at(-1);
  if (newest === undefined) return;
  for (const [code, version] of [
    ['IST0156', 'v1beta1'],
    ['IST0172', 'v1'],
  ] as const) {
    if (!needed[version]?.some((plural) => name === `${plural}.${group}`) || rank(newest) >= rank(version)) continue;
    const when = code === 'IST0156' ? 'is' : 'will be';
    yield finding(
      code,
      object,
      'spec.versions',
      `serves ${newest} at most; ${version} ${when} required`,
      'install a newer release of the Gateway API',
    );
    return;
  }
}

function servedVersions({ spec }: CustomResourceDefinition): readonly string[] {
  return (spec?.versions ?? []).flatMap(({ name, served = true }) => (name !== undefined && served ? [name] : []));
}

export const gatewayApiServedVersion = analyzer('precheck.GatewayAPIVersion', ['apiextensions.k8s.io/CustomResourceDefinition'], check);
