// What an endpoint says of its load in a response: ORCA's report, in a header or a trailer, in one of its four notations. Pure.
// https://github.com/grpc/proposal/blob/master/A51-custom-backend-metrics.md and Envoy's forms of it.
import { OrcaLoadReport } from '#codec/protobuf/generated/xds/data/orca/v3/orca_load_report';

const field = 'endpoint-load-metrics';

/** Names as they are in the report's definition: `cpu_utilization`, and of its maps `named_metrics.queue`. */
export type LoadReport = ReadonlyMap<string, number>;

/** A report can say as much as a head can hold: of its metrics, so many count. */
const metricsMax = 100;

/** `read`: of a head or of trailers. Undefined: there is none, or it cannot be read. */
export function readLoadReport(read: (name: string) => string | undefined): LoadReport | undefined {
  const binary = read(`${field}-bin`);
  if (binary !== undefined) return ofMessage(binary);
  const text = read(field);
  if (text === undefined) return undefined;
  const space = text.indexOf(' ');
  const body = text.slice(space + 1).trim();
  switch (text.slice(0, Math.max(0, space)).toUpperCase()) {
    case 'BIN':
      return ofMessage(body);
    case 'JSON':
      return ofJson(body);
    case 'TEXT':
      return ofPairs(body);
    default:
      return undefined;
  }
}

function ofMessage(base64: string): LoadReport | undefined {
  try {
    const report = OrcaLoadReport.decode(Buffer.from(base64, 'base64'));
    return metrics([
      ['cpu_utilization', report.cpuUtilization],
      ['mem_utilization', report.memUtilization],
      ['application_utilization', report.applicationUtilization],
      ['rps_fractional', report.rpsFractional],
      ['eps', report.eps],
      ...inMap('named_metrics', report.namedMetrics),
      ...inMap('utilization', report.utilization),
      ...inMap('request_cost', report.requestCost),
    ]);
  } catch {
    return undefined;
  }
}

function ofJson(text: string): LoadReport | undefined {
  try {
    const value = JSON.parse(text) as Record<string, unknown>;
    const flat = Object.entries(value).flatMap(([key, inner]): [string, unknown][] => {
      // Protobuf's JSON knows both spellings.
      const name = key.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
      return typeof inner === 'object' && inner !== null ? inMap(name, inner) : [[name, inner]];
    });
    return metrics(flat);
  } catch {
    return undefined;
  }
}

/** `name=value`, or `name:value` as Envoy's first versions have it. */
function ofPairs(text: string): LoadReport {
  const pairs = text.split(',').flatMap((pair): [string, unknown][] => {
    const [, name, value] = /^\s*([^=:\s]+)\s*[=:]\s*(\S+)\s*$/.exec(pair) ?? [];
    return name === undefined ? [] : [[name, value]];
  });
  return metrics(pairs);
}

function inMap(name: string, map: object): [string, unknown][] {
  return Object.entries(map).map(([key, value]) => [`${name}.${key}`, value]);
}

function metrics(pairs: readonly (readonly [string, unknown])[]): LoadReport {
  const found = pairs.slice(0, metricsMax).map(([name, value]) => [name, Number(value)] as const);
  return new Map(found.filter(([, value]) => Number.isFinite(value) && value >= 0));
}
