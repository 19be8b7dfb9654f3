// Fields that apply cleanly and do nothing yet. The table shrinks as the mesh grows: whoever makes a field act deletes
// its line here.
import type { ApiObject } from '#api/kind';
import { analyzer, type Finding, finding } from '../analyzer.ts';
import { grouped } from '../resources.ts';

interface Inert {
  kind: string;
  /** `*` stands for every element of a list. */
  field: string;
  /** What does not happen. */
  effect: string;
  /** Values that ask for nothing, and are not worth a word. */
  unless?: readonly unknown[];
}

const table: readonly Inert[] = [
  {
    kind: 'EnvoyFilter',
    field: 'spec.configPatches.*.applyTo',
    effect: "proxies of this mesh are not started from an Envoy bootstrap; start an Envoy's own with it",
    unless: [
      ...['EXTENSION_CONFIG', 'LISTENER', 'LISTENER_FILTER', 'FILTER_CHAIN', 'NETWORK_FILTER', 'HTTP_FILTER'],
      ...['ROUTE_CONFIGURATION', 'VIRTUAL_HOST', 'HTTP_ROUTE', 'CLUSTER'],
    ],
  },
  { kind: 'ProxyConfig', field: 'spec.image', effect: 'proxies are not installed from images' },
  {
    kind: 'Telemetry',
    field: 'spec.metrics.*.overrides.*.match.metric',
    effect: 'messages of gRPC are not counted among these metrics',
    unless: [
      ...['ALL_METRICS', 'REQUEST_COUNT', 'REQUEST_DURATION', 'REQUEST_SIZE', 'RESPONSE_SIZE'],
      ...['TCP_OPENED_CONNECTIONS', 'TCP_CLOSED_CONNECTIONS', 'TCP_SENT_BYTES', 'TCP_RECEIVED_BYTES'],
    ],
  },
  { kind: 'Telemetry', field: 'spec.tracing.*.disableContextPropagation', effect: 'the next hop is told of the trace', unless: [false] },
];

const parsed = table.map((inert) => ({ ...inert, path: inert.field.split('.') }));

const byKind = grouped(parsed.map((inert) => [inert.kind, inert] as const));

function* check(object: ApiObject): Iterable<Finding> {
  for (const { path, effect, unless = [] } of byKind.get(object.kind) ?? []) {
    for (const { field, value } of fieldsAt(object, path, '')) {
      if (!unless.includes(value)) yield finding('LTN0003', object, field, `not in effect yet: ${effect}`);
    }
  }
}

/** Most fields are not there: a path is followed before any text is made of it. */
function fieldsAt(value: unknown, path: readonly string[], field: string, depth = 0): readonly { field: string; value: unknown }[] {
  const key = path[depth];
  if (key === undefined) return [{ field, value }];
  if (typeof value !== 'object' || value === null) return nothing;
  if (key === '*') {
    if (!Array.isArray(value)) return nothing;
    return value.flatMap((element, index) => fieldsAt(element, path, `${field}[${index}]`, depth + 1));
  }
  const inner = (value as Record<string, unknown>)[key];
  return inner === undefined ? nothing : fieldsAt(inner, path, field === '' ? key : `${field}.${key}`, depth + 1);
}

const nothing: readonly { field: string; value: unknown }[] = [];

export const notYetInEffect = analyzer(
  'lateen.NotYetInEffectAnalyzer',
  [...byKind.keys()].map((kind) => `${kind === 'Telemetry' ? 'telemetry' : 'networking'}.istio.io/${kind}` as const),
  check,
);
