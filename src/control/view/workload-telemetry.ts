// What holds of traces and access logs for one workload, as client and as server: Telemetries of the root namespace, of its own, and those
// that select it, each over the one before, over the mesh's defaults. Pure. https://istio.io/latest/docs/reference/config/telemetry/
import type { Telemetry } from '#api/kinds/telemetry';
import type { ExtensionProvider } from '#control/mesh/extension-provider';
import type { MeshConfig } from '#control/mesh/mesh-config';
import type { TracerSettings } from '#control/mesh/proxy-settings';
import type { MeshTelemetry } from '#control/mesh/traffic-resource';
import { durationMs } from '#foundation/duration';

type Spec = NonNullable<Telemetry['spec']>;
type Tracing = NonNullable<Spec['tracing']>[number];
export type CustomTags = NonNullable<Tracing['customTags']>;
export type Side = 'client' | 'server';

export interface TracingPlan {
  readonly provider: ExtensionProvider;
  /** From 0 to 100. */
  readonly samplingPercent: number;
  readonly customTags: CustomTags;
  readonly istioTags: boolean;
  /** Whether request ids carry the decision; undefined: as proxies do it, they do. */
  readonly requestIds: boolean | undefined;
}

export interface SideTelemetry {
  /** Undefined: nothing is traced. */
  readonly tracing: TracingPlan | undefined;
  readonly accessLogs: readonly AccessLogPlan[];
  readonly metrics: readonly MetricPlan[];
  /** How often connections that stand are counted; undefined: as proxies do it. */
  readonly reportingIntervalMs: number | undefined;
}

export interface AccessLogPlan {
  /** `default`: the mesh's `accessLogFile`. */
  readonly provider: ExtensionProvider | 'default';
  /** In CEL: what is logged; undefined: everything. */
  readonly filter: string | undefined;
}

/** What is changed of a metric of Istio's. */
export interface MetricPlan {
  /** As Istio's API has it; empty: all. */
  readonly metric: string;
  readonly disabled: boolean;
  /** Labels to expressions in CEL. */
  readonly upserted: Readonly<Record<string, string>>;
  readonly removed: readonly string[];
}

export type WorkloadTelemetry = Readonly<Record<Side, SideTelemetry>>;

/** `telemetries`: that hold for the workload, the oldest first; `tracer`: what its proxy is set to, where they say nothing. */
export function workloadTelemetry(
  config: MeshConfig,
  telemetries: readonly MeshTelemetry[],
  namespace: string,
  tracer: TracerSettings,
): WorkloadTelemetry {
  const specs = layers(telemetries, config.rootNamespace, namespace);
  const of = (side: Side): SideTelemetry => ({
    tracing: tracingOf(config, specs, side, tracer),
    accessLogs: accessLogsOf(config, specs, side),
    metrics: metricsOf(specs, side),
    reportingIntervalMs: reportingIntervalOf(specs),
  });
  return { client: of('client'), server: of('server') };
}

/** One of each layer acts, the oldest. */
function layers(telemetries: readonly MeshTelemetry[], rootNamespace: string, namespace: string): Spec[] {
  const selecting = ({ object }: MeshTelemetry) => Object.keys(object.spec?.selector?.matchLabels ?? {}).length > 0;
  const found = [
    telemetries.find((each) => each.namespace === rootNamespace && !selecting(each)),
    telemetries.find((each) => each.namespace === namespace && each.namespace !== rootNamespace && !selecting(each)),
    telemetries.find(selecting),
  ];
  return found.flatMap((each) => each?.object.spec ?? []);
}

function isOf(match: { mode?: string } | undefined, side: Side): boolean {
  const mode = match?.mode ?? 'CLIENT_AND_SERVER';
  return mode === 'CLIENT_AND_SERVER' || mode.toLowerCase() === side;
}

function named(config: MeshConfig, providers: readonly { name: string }[]): ExtensionProvider[] {
  return providers.flatMap(({ name }) => config.extensionProviders.find((provider) => provider.name === name) ?? []);
}

/** Istio's. */
const samplingPercentDefault = 1;

function tracingOf(config: MeshConfig, specs: readonly Spec[], side: Side, tracer: TracerSettings): TracingPlan | undefined {
  let [provider = collectorOf(config, tracer)] = named(
    config,
    config.defaultTracingProviders.map((name) => ({ name })),
  );
  let samplingPercent = tracer.samplingPercent ?? samplingPercentDefault;
  let customTags = tracer.customTags as CustomTags;
  let istioTags = true;
  let reported = true;
  let requestIds: boolean | undefined;
  for (const { tracing = [] } of specs) {
    // The first element alone acts.
    const entry = tracing.find(({ match }) => isOf(match, side));
    if (entry === undefined) continue;
    if (entry.providers?.length) [provider] = named(config, entry.providers);
    samplingPercent = entry.randomSamplingPercentage ?? samplingPercent;
    customTags = entry.customTags ?? customTags;
    istioTags = entry.enableIstioTags ?? istioTags;
    requestIds = entry.useRequestIdForTraceSampling ?? requestIds;
    reported = entry.disableSpanReporting === undefined ? reported : !entry.disableSpanReporting;
  }
  if (provider === undefined || !reported) return undefined;
  return { provider, samplingPercent, customTags, istioTags, requestIds };
}

/** Of the time before there were providers. */
function collectorOf({ enableTracing }: MeshConfig, { zipkin, urlLengthMax }: TracerSettings): ExtensionProvider | undefined {
  if (!enableTracing || zipkin === undefined) return undefined;
  return { name: 'zipkin', kind: 'zipkin', ...zipkin, path: '/api/v2/spans', traceId128: true, urlLengthMax };
}

function accessLogsOf(config: MeshConfig, specs: readonly Spec[], side: Side): SideTelemetry['accessLogs'] {
  const names = config.defaultAccessLogProviders.map((name) => ({ name }));
  let logs: Loggers = names.length === 0 ? [{ provider: 'default', filter: undefined }] : loggers(config, names, undefined);
  for (const { accessLogging = [] } of specs) {
    for (const { providers, disabled, filter } of accessLogging.filter(({ match }) => isOf(match, side))) {
      const expression = filter?.expression || undefined;
      if (disabled) logs = [];
      else if (providers?.length) logs = loggers(config, providers, expression);
      else if (logs.length === 0) logs = [{ provider: 'default', filter: expression }];
      else if (expression !== undefined) logs = logs.map(({ provider }) => ({ provider, filter: expression }));
    }
  }
  return logs;
}

type Loggers = SideTelemetry['accessLogs'];

/** `envoy` is Istio's name of the mesh's own file. */
function loggers(config: MeshConfig, providers: readonly { name: string }[], filter: string | undefined): Loggers {
  return providers.flatMap(({ name }): Loggers => {
    if (name === 'envoy') return [{ provider: 'default', filter }];
    return named(config, [{ name }]).map((provider) => ({ provider, filter }));
  });
}

/** The overrides of all layers, in order: a later one of the same metric says more, or otherwise. */
function metricsOf(specs: readonly Spec[], side: Side): MetricPlan[] {
  return specs.flatMap((spec) =>
    prometheusMetrics(spec)
      .flatMap(({ overrides = [] }) => overrides.filter(({ match }) => isOf(match, side)))
      .map(({ match, disabled = false, tagOverrides = {} }) => {
        const tags = Object.entries(tagOverrides);
        const metric = match?.customMetric ?? (match?.metric === 'ALL_METRICS' ? '' : (match?.metric ?? ''));
        return {
          metric,
          disabled,
          upserted: Object.fromEntries(
            tags.flatMap(([name, { operation, value }]) => (operation === 'REMOVE' ? [] : [[name, value ?? '']])),
          ),
          removed: tags.flatMap(([name, { operation }]) => (operation === 'REMOVE' ? [name] : [])),
        };
      }),
  );
}

/** Of the last layer that says so. */
function reportingIntervalOf(specs: readonly Spec[]): number | undefined {
  const said = specs.flatMap(prometheusMetrics).flatMap(({ reportingInterval }) => reportingInterval ?? []);
  const last = said.at(-1);
  return last === undefined ? undefined : durationMs(last);
}

/** The one provider of metrics that proxies here have. */
function prometheusMetrics({ metrics = [] }: Spec): NonNullable<Spec['metrics']> {
  return metrics.filter(({ providers }) => !providers?.length || providers.some(({ name }) => name === 'prometheus'));
}
