// Compiles Envoy's access log formats: text with command operators, or JSON fields of such texts. Pure.
import { type Operator, operatorOf } from './access-log-operators.ts';
import type { Exchange } from './exchange.ts';

export type AccessLogFormatter = (exchange: Exchange) => string;

export interface FormatOptions {
  /** Absent values are left out, instead of being `-` in text and null in JSON. */
  omitEmpty?: boolean;
  /** Hears of every operator that cannot be understood: `%NAME(argument)%`. */
  unknown(operator: string): void;
}

/** `%NAME%`, `%NAME(argument)%`, `%NAME(argument):length%`, or `%%`. */
const operatorPattern = /%%|%([A-Z0-9_]+)(?:\(([^)]*)\))?(?::(\d+))?%/g;

/** Compiles a text format. Values that are absent are `-`, as in Envoy. */
export function compileTextFormat(text: string, options: FormatOptions): AccessLogFormatter {
  const parts: (string | Operator)[] = [];
  const literal = (part: string) => {
    if (part.includes('%')) options.unknown(part.slice(part.indexOf('%')));
    if (part !== '') parts.push(part);
  };
  let last = 0;
  for (const match of text.matchAll(operatorPattern)) {
    literal(text.slice(last, match.index));
    parts.push(match[0] === '%%' ? '%' : compileOperator(match, options));
    last = match.index + match[0].length;
  }
  literal(text.slice(last));
  const absent = options.omitEmpty ? '' : '-';
  return (exchange) => {
    let line = '';
    for (const part of parts) line += typeof part === 'string' ? part : (part(exchange) ?? absent);
    return line;
  };
}

/** Compiles a JSON format: a field that is one operator alone keeps a number a number, and is null when absent. */
export function compileJsonFormat(fields: Readonly<Record<string, unknown>>, options: FormatOptions): AccessLogFormatter {
  const value = compileJsonValue(fields, options);
  return (exchange) => `${JSON.stringify(value(exchange))}\n`;
}

type JsonValue = (exchange: Exchange) => unknown;

function compileJsonValue(value: unknown, options: FormatOptions): JsonValue {
  if (typeof value === 'string') {
    const alone = new RegExp(`^(?:${operatorPattern.source})$`).exec(value);
    if (!alone?.[1]) return compileTextFormat(value, options);
    const operator = compileOperator(alone, options);
    const absent = options.omitEmpty ? undefined : null;
    return (exchange) => operator(exchange) ?? absent;
  }
  if (Array.isArray(value)) {
    const inner = value.map((part) => compileJsonValue(part, options));
    return (exchange) => inner.map((part) => part(exchange));
  }
  if (typeof value === 'object' && value !== null) {
    const inner = Object.entries(value).map(([name, part]) => [name, compileJsonValue(part, options)] as const);
    return (exchange) => Object.fromEntries(inner.map(([name, part]) => [name, part(exchange)]));
  }
  return () => value;
}

function compileOperator([whole, name = '', argument, length]: RegExpExecArray, options: FormatOptions): Operator {
  const operator = operatorOf(name, argument);
  if (operator === undefined) {
    options.unknown(whole);
    return () => undefined;
  }
  if (length === undefined) return operator;
  const limit = Number(length);
  return (exchange) => {
    const value = operator(exchange);
    return value === undefined ? undefined : String(value).slice(0, limit);
  };
}
