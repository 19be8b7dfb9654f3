// Where a workload is: `region/zone/subzone`, from the labels of Kubernetes and Istio.

export const regionLabel = 'topology.kubernetes.io/region';
export const zoneLabel = 'topology.kubernetes.io/zone';
export const subzoneLabel = 'topology.istio.io/subzone';
/** Says all three, with dots; the older of the two is `istio-locality`. */
const wholeLabels = ['topology.istio.io/locality', 'istio-locality'] as const;

type Labels = Readonly<Record<string, string>>;

/** Empty when the labels do not say. */
export function localityOfLabels(labels: Labels): string {
  for (const name of wholeLabels) if (labels[name]) return labels[name].replaceAll('.', '/');
  return formatLocality([labels[regionLabel], labels[zoneLabel], labels[subzoneLabel]]);
}

/** Parts of which the last ones may be missing. */
export function formatLocality(parts: readonly (string | undefined)[]): string {
  return parts
    .map((part) => part ?? '')
    .join('/')
    .replace(/\/+$/, '');
}
