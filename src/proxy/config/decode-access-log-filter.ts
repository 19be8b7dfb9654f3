// Envoy's AccessLogFilter -> a test of exchanges.
import {
  type AccessLogFilter,
  type ComparisonFilter,
  ComparisonFilter_Op as Op,
} from '#codec/protobuf/generated/envoy/config/accesslog/v3/accesslog';
import { ExpressionFilter } from '#codec/protobuf/generated/envoy/extensions/access_loggers/filters/cel/v3/cel';
import { attributeExpression } from '#proxy/expression/attributes';
import { valueMatches } from '#proxy/route/header-test';
import type { Exchange } from '#telemetry/exchange';
import { responseFlagOf } from '#telemetry/response-flags';
import type { AccessLogConfig } from './access-log.ts';
import { decodeHeaderMatcher, fractionOf } from './decode-matcher.ts';
import { type Findings, messageName } from './findings.ts';

type ExchangeTest = NonNullable<AccessLogConfig['filter']>;

export function decodeAccessLogFilter(filter: AccessLogFilter, field: string, findings: Findings): ExchangeTest {
  const specifier = filter.filterSpecifier;
  switch (specifier?.$case) {
    case 'statusCodeFilter':
      return compares(specifier.value.comparison, ({ status }) => status);
    case 'durationFilter':
      return compares(specifier.value.comparison, ({ durationMs }) => durationMs);
    case 'notHealthCheckFilter':
      // Envoy's health check filter marks what it answers; ours answers in the same words.
      return ({ details }) => details !== 'health_check_ok' && details !== 'health_check_failed';
    case 'traceableFilter':
      return ({ trace }) => trace?.sampled ?? false;
    case 'runtimeFilter': {
      const fraction = fractionOf(specifier.value.percentSampled, 1);
      return (_, chance) => chance() < fraction;
    }
    case 'andFilter': {
      const tests = decodeAll(specifier.value.filters, `${field}.and_filter`, findings);
      return (exchange, chance) => tests.every((test) => test(exchange, chance));
    }
    case 'orFilter': {
      const tests = decodeAll(specifier.value.filters, `${field}.or_filter`, findings);
      return (exchange, chance) => tests.some((test) => test(exchange, chance));
    }
    case 'headerFilter': {
      const { header } = specifier.value;
      if (header === undefined) return missing(`${field}.header_filter.header`, findings);
      const test = decodeHeaderMatcher(header, `${field}.header_filter.header`, findings);
      return (exchange) => valueMatches(test, exchange.requestHeader(test.name));
    }
    case 'responseFlagFilter':
      return decodeFlags(specifier.value.flags, `${field}.response_flag_filter.flags`, findings);
    case 'extensionFilter': {
      const any = specifier.value.configType?.value;
      if (any === undefined || messageName(any) !== 'envoy.extensions.access_loggers.filters.cel.v3.ExpressionFilter') {
        findings.report(`${field}.extension_filter`, `${specifier.value.name} is not supported`);
        return () => true;
      }
      return decodeExpression(ExpressionFilter.decode(any.value).expression, `${field}.extension_filter.expression`, findings);
    }
    case 'grpcStatusFilter': {
      const { statuses, exclude } = specifier.value;
      const wanted: ReadonlySet<number> = new Set(statuses);
      return (exchange) => wanted.has(grpcStatusOf(exchange)) !== exclude;
    }
    default:
      findings.report(field, `access log filter ${specifier?.$case ?? 'without a specifier'} is not supported`);
      return () => true;
  }
}

function decodeAll(filters: readonly AccessLogFilter[], field: string, findings: Findings): ExchangeTest[] {
  return filters.map((filter, i) => decodeAccessLogFilter(filter, `${field}.filters[${i}]`, findings));
}

function compares(comparison: ComparisonFilter | undefined, read: (exchange: Exchange) => number): ExchangeTest {
  const limit = comparison?.value?.defaultValue ?? 0;
  switch (comparison?.op) {
    case Op.GE:
      return (exchange) => read(exchange) >= limit;
    case Op.LE:
      return (exchange) => read(exchange) <= limit;
    default:
      return (exchange) => Math.floor(read(exchange)) === limit;
  }
}

/** One that cannot be evaluated is not true: Envoy's rule. */
function decodeExpression(text: string, field: string, findings: Findings): ExchangeTest {
  const expression = findings.attempt(field, () => attributeExpression(text));
  return (exchange) => {
    try {
      return expression?.(exchange) === true;
    } catch {
      return false;
    }
  };
}

/** None named: any will do. */
function decodeFlags(names: readonly string[], field: string, findings: Findings): ExchangeTest {
  let wanted = 0;
  for (const name of names) {
    const flag = responseFlagOf(name);
    if (flag === undefined) findings.report(field, `${name} is not known`);
    wanted |= flag ?? 0;
  }
  return ({ flags }) => (names.length === 0 ? flags !== 0 : (flags & wanted) !== 0);
}

const ok = 0;

function grpcStatusOf(exchange: Exchange): number {
  return Number(exchange.responseTrailer('grpc-status') ?? exchange.responseHeader('grpc-status') ?? ok);
}

function missing(field: string, findings: Findings): ExchangeTest {
  findings.report(field, 'is missing');
  return () => true;
}
