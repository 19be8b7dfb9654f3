// Subsets of a DestinationRule that no pod belongs to, and rules for hosts that nobody has.
import type { DestinationRule } from '#api/kinds/destination-rule';
import type { Pod } from '#api/kinds/pod';
import { analyzer, type Finding, finding } from '../analyzer.ts';
import { exportedHosts } from '../exported-hosts.ts';
import { fullHost } from '../host.ts';
import { type Labels, podsOf, selectorText, selects } from '../labels.ts';
import type { Resources } from '../resources.ts';

const region = 'topology.kubernetes.io/region';
const zone = 'topology.kubernetes.io/zone';
const subzone = 'topology.istio.io/subzone';
const hostname = 'kubernetes.io/hostname';
const topologyLabels = [region, zone, subzone, hostname];

function* check(object: DestinationRule, resources: Resources): Iterable<Finding> {
  const { namespace = '' } = object.metadata;
  const { host, exportTo, subsets = [] } = object.spec;
  const known = resources.derived(exportedHosts).find(fullHost(host, namespace), namespace, exportTo);
  if (!known) {
    const message = `no Service or ServiceEntry has the host ${host}: the rule applies to nothing`;
    return yield finding('IST0174', object, 'spec.host', message, 'apply its Service, or a ServiceEntry');
  }
  for (const [index, { name, labels = {} }] of subsets.entries()) {
    const selector = { ...known.selector, ...labels };
    if (hasPod(selector, resources)) continue;
    const message = `subset "${name}" has no pods: none has ${selectorText(selector)}`;
    yield finding('IST0173', object, `spec.subsets[${index}]`, message, 'mend the labels, or start such pods');
  }
}

/** A pod has the topology of its node as labels; an empty one is none. */
function hasPod(selector: Labels, resources: Resources): boolean {
  const own = Object.fromEntries(Object.entries(selector).filter(([key]) => !topologyLabels.includes(key)));
  return podsOf(resources, own).some((pod) => selects(selector, { ...pod.metadata.labels, ...topologyOf(pod, resources) }));
}

function topologyOf({ spec }: Pod, resources: Resources): Labels {
  const node = spec.nodeName ? resources.find('/Node', '', spec.nodeName) : undefined;
  if (!node) return {};
  const placed = Object.entries(node.metadata.labels ?? {}).filter(([key, value]) => [region, zone, subzone].includes(key) && value !== '');
  return { ...Object.fromEntries(placed), [hostname]: node.metadata.name };
}

export const subsetPods = analyzer('destinationrule.SubsetSelectPodAnalyzer', ['networking.istio.io/DestinationRule'], check);
