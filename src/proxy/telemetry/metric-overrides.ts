// What a configuration changes of Istio's standard metrics: which are not counted, which labels they lose, and which they get, with values by
// expressions in CEL. Decoded from the `istio.stats` filter; used by request-stats.ts.
import type { MetricConfig } from '#codec/protobuf/generated/istio/stats';
import type { Findings } from '#proxy/config/findings';
import { type AttributeExpression, attributeExpression } from '#proxy/expression/attributes';
import type { Exchange } from '#telemetry/exchange';
import { type RequestMetric, requestMetrics } from '#telemetry/istio-metrics';
import type { LabelChanges } from '#telemetry/metrics';

interface MetricOverride {
  readonly dropped: boolean;
  readonly removed: ReadonlySet<string>;
  readonly added: ReadonlyMap<string, AttributeExpression>;
}

const dimensionsMax = 64;
/** Of a value that an expression does not have. */
const unknown = 'unknown';

export class MetricOverrides {
  private readonly expressions: readonly AttributeExpression[];

  private constructor(private readonly byMetric: ReadonlyMap<RequestMetric, MetricOverride>) {
    this.expressions = [...byMetric.values()].flatMap(({ added }) => [...added.values()]);
  }

  /** Undefined: nothing is changed. Later entries win; one without a name is for all metrics. */
  static decode(configs: readonly MetricConfig[], field: string, findings: Findings): MetricOverrides | undefined {
    if (configs.length === 0) return undefined;
    const decoded = configs.map((config, i) => {
      const at = `${field}.metrics[${i}]`;
      if (config.match !== '') findings.report(`${at}.match`, 'is not supported');
      if (Object.keys(config.dimensions).length > dimensionsMax) findings.report(`${at}.dimensions`, `more than ${dimensionsMax}`);
      const added = Object.entries(config.dimensions).flatMap(([label, text]) => {
        const expression = findings.attempt(`${at}.dimensions.${label}`, () => attributeExpression(text));
        return expression === undefined ? [] : [[label, expression] as const];
      });
      return { name: config.name, drop: config.drop, removed: config.tagsToRemove, added };
    });
    const byMetric = new Map<RequestMetric, MetricOverride>();
    for (const metric of requestMetrics) {
      const meant = decoded.filter(({ name }) => name === '' || name === metric);
      if (meant.length === 0) continue;
      byMetric.set(metric, {
        dropped: meant.some(({ drop }) => drop),
        removed: new Set(meant.flatMap(({ removed }) => removed)),
        added: new Map(meant.flatMap(({ added }) => added)),
      });
    }
    return new MetricOverrides(byMetric);
  }

  /** Of one exchange, in what its series may differ from another's. */
  key(exchange: Exchange): string {
    return this.expressions.map((expression) => textOf(expression, exchange)).join('|');
  }

  /** Undefined: it is not counted. */
  changes(metric: RequestMetric, exchange: Exchange): LabelChanges | undefined {
    const override = this.byMetric.get(metric);
    if (override === undefined) return {};
    if (override.dropped) return undefined;
    const added = [...override.added].map(([label, expression]) => [label, textOf(expression, exchange)] as const);
    return Object.fromEntries([...[...override.removed].map((label) => [label, undefined] as const), ...added]);
  }
}

function textOf(expression: AttributeExpression, exchange: Exchange): string {
  try {
    const value = expression(exchange);
    return value === undefined || value === null ? unknown : String(value);
  } catch {
    return unknown;
  }
}
