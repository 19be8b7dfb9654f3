// What Kubernetes asks of the pods of any kind beyond their structure, and how it says so.
import type { Pod } from '../kinds/pod.ts';
import type { Report } from './report.ts';

type PodSpec = Pod['spec'];
type Container = PodSpec['containers'][number];

const restartPolicies = ['Always', 'Never', 'OnFailure'];
const quantityPattern = /^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$/;

/** `at`: the field of the spec. `policies`: those that its owner allows. */
export function checkPodSpec(spec: PodSpec, at: string, report: Report, policies: readonly string[] = restartPolicies): void {
  const { restartPolicy, volumes = [], containers, initContainers = [] } = spec;
  if (restartPolicy !== undefined && !policies.includes(restartPolicy)) {
    const supported = policies.map((policy) => `"${policy}"`).join(', ');
    report.error('UNKNOWN_VALUE', `${at}.restartPolicy`, `Unsupported value: "${restartPolicy}": supported values: ${supported}`);
  }
  const names = new Set<string>();
  const volumeNames = new Set(volumes.map(({ name }) => name));
  const all = [
    ...initContainers.map((container, i) => [container, `${at}.initContainers[${i}]`] as const),
    ...containers.map((container, i) => [container, `${at}.containers[${i}]`] as const),
  ];
  for (const [container, field] of all) {
    if (names.has(container.name)) report.error('DUPLICATE_NAME', `${field}.name`, `Duplicate value: "${container.name}"`);
    names.add(container.name);
    for (const [i, { name }] of (container.volumeMounts ?? []).entries()) {
      if (!volumeNames.has(name)) report.error('NOT_FOUND', `${field}.volumeMounts[${i}].name`, `Not found: "${name}"`);
    }
    checkResources(container, `${field}.resources`, report);
  }
}

function checkResources({ resources = {} }: Container, at: string, report: Report): void {
  for (const which of ['limits', 'requests'] as const) {
    for (const [resource, quantity] of Object.entries(resources[which] ?? {})) {
      if (quantityPattern.test(String(quantity))) continue;
      const message = `quantities must match the regular expression '${quantityPattern.source}'`;
      report.error('INVALID_QUANTITY', `${at}.${which}[${resource}]`, message);
    }
  }
}
