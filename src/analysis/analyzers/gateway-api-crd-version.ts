// CustomResourceDefinitions of the Gateway API that are older than what Istio reads.
import type { CustomResourceDefinition } from '#api/kubernetes-kinds';
import { analyzer, type Finding, finding } from '../analyzer.ts';

const versionAnnotation = 'gateway.networking.k8s.io/bundle-version';

/** Of the release of the Gateway API that a definition comes with. */
const minimum: Readonly<Record<string, readonly [major: number, minor: number, patch: number]>> = {
  'grpcroutes.gateway.networking.k8s.io': [1, 1, 0],
  'backendtlspolicies.gateway.networking.k8s.io': [1, 4, 0],
  'tlsroutes.gateway.networking.k8s.io': [1, 5, 0],
};

function* check(object: CustomResourceDefinition): Iterable<Finding> {
  const { name, annotations = {} } = object.metadata;
  const wanted = minimum[name];
  const installed = /^v?(\d+)\.(\d+)\.(\d+)/.exec(annotations[versionAnnotation] ?? '');
  if (!wanted || !installed) return;
  const found = installed.slice(1).map(Number);
  const at = wanted.findIndex((part, index) => part !== found[index]);
  if (at < 0 || (found[at] ?? 0) > (wanted[at] ?? 0)) return;
  const message = `comes from Gateway API ${found.join('.')}; its resources are read from ${wanted.join('.')} on`;
  yield finding('IST0176', object, `metadata.annotations["${versionAnnotation}"]`, message, 'install a newer release of the Gateway API');
}

export const gatewayApiCrdVersion = analyzer('k8sgateway.CRDVersionAnalyzer', ['apiextensions.k8s.io/CustomResourceDefinition'], check);
