// Patches of EnvoyFilters whose operation does nothing there, or whose place depends on the order of other filters.
import { isPlainObject } from '#api/json';
import { keyOf } from '#api/kind';
import type { ConfigPatch, EnvoyFilter } from '#api/kinds/envoy-filter';
import { analyzer, type Finding, finding } from '../analyzer.ts';
import type { Code } from '../code.ts';
import type { Resources } from '../resources.ts';

const kind = 'networking.istio.io/EnvoyFilter';

/** What ADD and REMOVE cannot be applied to. */
const whole = ['ROUTE_CONFIGURATION', 'HTTP_ROUTE'];
const replaceable = ['NETWORK_FILTER', 'HTTP_FILTER', 'LISTENER_FILTER', 'VIRTUAL_HOST'];
const relative = ['MERGE', 'REMOVE', 'REPLACE', 'INSERT_BEFORE', 'INSERT_AFTER'];

const misused: Readonly<Record<string, { code: Code; where: (applyTo: string) => boolean }>> = {
  ADD: { code: 'IST0153', where: (applyTo) => whole.includes(applyTo) },
  REMOVE: { code: 'IST0154', where: (applyTo) => whole.includes(applyTo) },
  REPLACE: { code: 'IST0152', where: (applyTo) => !replaceable.includes(applyTo) },
};

/** For each patch, whether one before it is for the same filter and for some versions of the proxy only. */
function followsVersioned(resources: Resources): ReadonlySet<string> {
  const versioned = new Set<string>();
  const followers = new Set<string>();
  for (const { metadata, spec } of resources.all<EnvoyFilter>(kind)) {
    for (const [index, patch] of (spec?.configPatches ?? []).entries()) {
      const name = filterName(patch);
      if (versioned.has(name)) followers.add(`${keyOf(metadata)} ${index}`);
      if (patch.match?.proxy?.proxyVersion) versioned.add(name);
    }
  }
  return followers;
}

function* check(object: EnvoyFilter, resources: Resources): Iterable<Finding> {
  const { configPatches = [], priority = 0 } = object.spec ?? {};
  for (const [index, { applyTo = 'INVALID', patch }] of configPatches.entries()) {
    if (!patch) break;
    const { operation = 'INVALID' } = patch;
    const field = `spec.configPatches[${index}]`;
    const misuse = misused[operation];
    if (misuse?.where(applyTo)) {
      yield finding(misuse.code, object, field, `operation ${operation} does nothing for applyTo ${applyTo}`);
    } else if (relative.includes(operation) && priority === 0) {
      const follows = resources.derived(followsVersioned).has(`${keyOf(object.metadata)} ${index}`);
      const where = 'depends on the order in which filters are applied';
      yield follows
        ? finding('IST0155', object, field, `${where}, and one before it is for some versions of the proxy only`, 'set spec.priority')
        : finding('IST0151', object, field, `what it does ${where}`, 'set spec.priority, or use INSERT_FIRST or ADD');
    }
  }
}

function filterName({ match, patch }: ConfigPatch): string {
  const value = patch?.value;
  if (!isPlainObject(value)) return '';
  return typeof value['name'] === 'string' ? value['name'] : (match?.listener?.filterChain?.filter?.name ?? '');
}

export const envoyPatch = analyzer('envoyfilter.EnvoyPatchAnalyzer', [kind], check);
