// Annotations of Istio's on Kubernetes' resources: unknown, in the wrong place, with a wrong value, or not settled yet.
import { fieldPath } from '#api/field-path';
import type { ApiObject } from '#api/kind';
import type { Pod } from '#api/kinds/pod';
import { nearest } from '#api/nearest';
import { analyzer, type Finding, finding, type KindKey } from '../analyzer.ts';
import { type Annotation, annotationNamed, annotationNames, isIstioAnnotation } from '../annotation.ts';
import { injectName } from '../injection-state.ts';

const kinds: readonly KindKey[] = ['/Namespace', '/Service', '/Pod', 'apps/Deployment'];

const fieldOf = (name: string) => fieldPath(['metadata', 'annotations', name]);

function* check(object: ApiObject): Iterable<Finding> {
  for (const [name, value] of Object.entries(object.metadata.annotations ?? {}).filter(([each]) => isIstioAnnotation(each))) {
    const annotation = annotationNamed(name);
    if (annotation) yield* checkKnown(object, name, value, annotation);
    else {
      const near = nearest(name, annotationNames());
      yield finding('IST0108', object, fieldOf(name), `unknown annotation ${name}`, near && `did you mean ${near}?`);
    }
  }
}

function* checkKnown(object: ApiObject, name: string, value: string, { on, deprecated, value: problemOf }: Annotation): Iterable<Finding> {
  // With its label beside it, the annotation is there for older versions.
  const replaced = name === injectName && object.metadata.labels?.[injectName] !== undefined;
  if (deprecated && !replaced) {
    const hint = name === injectName ? `use the label ${injectName}` : undefined;
    yield finding('IST0135', object, fieldOf(name), `annotation ${name} is deprecated`, hint);
  }
  if (on.includes('Any')) return;
  if (!on.includes(object.kind)) {
    return yield finding(
      'IST0107',
      object,
      fieldOf(name),
      `annotation ${name} does nothing on a ${object.kind}: it belongs on ${on.join(', ')}`,
    );
  }
  const problem = problemOf?.(value);
  if (problem) yield finding('IST0125', object, fieldOf(name), `annotation ${name}: ${problem}`);
}

/** Set by istiod or by its CNI plugin, not by people. */
const setByIstio = 'sidecar.istio.io/status';
const setByPlugin = [
  'sidecar.istio.io/interceptionMode',
  ...['includeInboundPorts', 'excludeInboundPorts', 'includeOutboundIPRanges'].map((name) => `traffic.sidecar.istio.io/${name}`),
];

function* checkAlpha(object: ApiObject): Iterable<Finding> {
  const byPlugin = object.kind === 'Pod' && !(object as Pod).spec.initContainers?.some(({ name }) => name === 'istio-init');
  for (const name of Object.keys(object.metadata.annotations ?? {})) {
    if (annotationNamed(name)?.status !== 'Alpha' || name === setByIstio || (byPlugin && setByPlugin.includes(name))) continue;
    yield finding('IST0136', object, fieldOf(name), `annotation ${name} is Alpha: it may change or go`);
  }
}

export const annotations = analyzer('annotations.K8sAnalyzer', kinds, check);
export const alphaAnnotations = analyzer('annotations.AlphaAnalyzer', kinds, checkAlpha);
