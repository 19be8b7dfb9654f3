// Values of EnvoyFilters that are not what Envoy's message of the place has: wrong types, unknown fields.
import type { ConfigPatch, EnvoyFilter } from '#api/kinds/envoy-filter';
import { analyzer, type Finding, finding } from '../analyzer.ts';
import type { Resources } from '../resources.ts';

type Patched = NonNullable<ConfigPatch['applyTo']>;

const messageOf: Partial<Record<Patched, string>> = {
  CLUSTER: 'envoy.config.cluster.v3.Cluster',
  LISTENER: 'envoy.config.listener.v3.Listener',
  LISTENER_FILTER: 'envoy.config.listener.v3.ListenerFilter',
  FILTER_CHAIN: 'envoy.config.listener.v3.FilterChain',
  NETWORK_FILTER: 'envoy.config.listener.v3.Filter',
  HTTP_FILTER: 'envoy.extensions.filters.network.http_connection_manager.v3.HttpFilter',
  ROUTE_CONFIGURATION: 'envoy.config.route.v3.RouteConfiguration',
  VIRTUAL_HOST: 'envoy.config.route.v3.VirtualHost',
  HTTP_ROUTE: 'envoy.config.route.v3.Route',
  EXTENSION_CONFIG: 'envoy.config.core.v3.TypedExtensionConfig',
  BOOTSTRAP: 'envoy.config.bootstrap.v3.Bootstrap',
};

/** A field or a word that is not known may be of a newer Envoy; a value of the wrong type is right for none. */
const maybeNewer = /is unknown|cannot decode (?:enum|field .* enum)/;

function* check(object: EnvoyFilter, resources: Resources): Iterable<Finding> {
  for (const [index, { applyTo, patch }] of (object.spec?.configPatches ?? []).entries()) {
    const message = applyTo && messageOf[applyTo];
    if (message === undefined || patch?.value === undefined || patch.operation === 'REMOVE') continue;
    const problem = resources.envoyProblem(message, patch.value);
    if (problem === undefined) continue;
    const code = maybeNewer.test(problem) ? 'IST0133' : 'IST0106';
    yield finding(code, object, `spec.configPatches[${index}].patch.value`, `is no ${message}: ${problem}`);
  }
}

export const envoyValue = analyzer('lateen.EnvoyValueAnalyzer', ['networking.istio.io/EnvoyFilter'], check);
