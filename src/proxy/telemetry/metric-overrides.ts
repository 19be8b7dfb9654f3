// What a configuration changes of Istio's standard metrics, of requests and connections: which are not counted, which labels they lose, and which they get, with values by
// expressions in CEL. Decoded from the `istio.stats` filter; used by request-stats.ts.
import type { MetricConfig } from '#codec/protobuf/generated/istio/stats';
import type { Findings } from '#proxy/config/findings';
import { type AttributeExpression, attributeExpression } from '#proxy/expression/attributes';
import type { Exchange } from '#telemetry/exchange';
import { type ConnectionMetric, connectionMetrics, type RequestMetric, requestMetrics } from '#telemetry/istio-metrics';
import type { LabelChanges } from '#telemetry/metrics';

type Metric = RequestMetric | ConnectionMetric;

interface MetricOverride {
  /** Empty: all. */
  readonly metric: string;
  /** For which exchanges it is meant; undefined: all. */
  readonly match: AttributeExpression | undefined;
  readonly dropped: boolean;
  readonly removed: readonly string[];
  readonly added: readonly (readonly [label: string, value: AttributeExpression])[];
}

const metrics: ReadonlySet<string> = new Set([...requestMetrics, ...connectionMetrics]);
const dimensionsMax = 64;
/** Of a value that an expression does not have. */
const unknown = 'unknown';

export class MetricOverrides {
  private readonly expressions: readonly AttributeExpression[];

  private constructor(private readonly overrides: readonly MetricOverride[]) {
    this.expressions = overrides.flatMap(({ match, added }) => [...(match ? [match] : []), ...added.map(([, value]) => value)]);
  }

  /** Undefined: nothing is changed. Later entries win; one without a name is for all metrics. */
  static decode(configs: readonly MetricConfig[], field: string, findings: Findings): MetricOverrides | undefined {
    if (configs.length === 0) return undefined;
    const decoded = configs.map(({ name, match, drop, dimensions, tagsToRemove }, i): MetricOverride => {
      const at = `${field}.metrics[${i}]`;
      if (Object.keys(dimensions).length > dimensionsMax) findings.report(`${at}.dimensions`, `more than ${dimensionsMax}`);
      const added = Object.entries(dimensions).flatMap(([label, text]) => {
        const expression = findings.attempt(`${at}.dimensions.${label}`, () => attributeExpression(text));
        return expression === undefined ? [] : [[label, expression] as const];
      });
      return {
        metric: name,
        match: match === '' ? undefined : findings.attempt(`${at}.match`, () => attributeExpression(match)),
        dropped: drop,
        removed: tagsToRemove,
        added,
      };
    });
    const known = decoded.filter(({ metric }) => metric === '' || metrics.has(metric));
    return known.length === 0 ? undefined : new MetricOverrides(known);
  }

  /** Of one exchange, in what its series may differ from another's. */
  key(exchange: Exchange): string {
    return this.expressions.map((expression) => textOf(expression, exchange)).join('|');
  }

  /** Undefined: it is not counted. */
  changes(metric: Metric, exchange: Exchange): LabelChanges | undefined {
    const meant = this.overrides.filter((each) => (each.metric === '' || each.metric === metric) && isMeant(each.match, exchange));
    if (meant.some(({ dropped }) => dropped)) return undefined;
    return Object.fromEntries([
      ...meant.flatMap(({ removed }) => removed.map((label) => [label, undefined] as const)),
      ...meant.flatMap(({ added }) => added.map(([label, value]) => [label, textOf(value, exchange)] as const)),
    ]);
  }
}

/** Where the expression has no value, it is not. */
function isMeant(match: AttributeExpression | undefined, exchange: Exchange): boolean {
  return match === undefined || textOf(match, exchange) === 'true';
}

function textOf(expression: AttributeExpression, exchange: Exchange): string {
  try {
    const value = expression(exchange);
    return value === undefined || value === null ? unknown : String(value);
  } catch {
    return unknown;
  }
}
