// Durations as Go writes them (`500ms`, `1m30s`), which Istio takes in patches, in the form that protobuf's JSON has (`0.5s`).
import type { DescField, DescMessage, JsonValue, Registry } from '@bufbuild/protobuf';

const unitSeconds: Readonly<Record<string, number>> = { h: 3600, m: 60, s: 1, ms: 1e-3, us: 1e-6, µs: 1e-6, ns: 1e-9 };
const goDuration = /^(?:\d+(?:\.\d+)?(?:h|ms|m|s|us|µs|ns))+$/;
const part = /(\d+(?:\.\d+)?)(h|ms|m|s|us|µs|ns)/g;

/** `value`, JSON of the message `schema`, with every duration in protobuf's form; what is none stays as it is. */
export function withProtobufDurations(schema: DescMessage, value: JsonValue, registry: Registry): JsonValue {
  if (schema.typeName === 'google.protobuf.Duration') return typeof value === 'string' ? inSeconds(value) : value;
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value;
  const { '@type': type } = value;
  const opened = typeof type === 'string' ? registry.getMessage(type.slice(type.lastIndexOf('/') + 1)) : schema;
  if (opened === undefined) return value;
  const fields = new Map(opened.fields.flatMap((field) => [[field.name, field] as const, [field.jsonName, field] as const]));
  return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, fieldValue(fields.get(key), each, registry)]));
}

function fieldValue(field: DescField | undefined, value: JsonValue, registry: Registry): JsonValue {
  const message = field?.message;
  if (field === undefined || message === undefined) return value;
  const convert = (each: JsonValue) => withProtobufDurations(message, each, registry);
  if (field.fieldKind === 'list' && Array.isArray(value)) return value.map(convert);
  if (field.fieldKind === 'map' && typeof value === 'object' && value !== null && !Array.isArray(value)) {
    return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, convert(each)]));
  }
  return convert(value);
}

function inSeconds(text: string): string {
  if (!goDuration.test(text)) return text;
  const seconds = [...text.matchAll(part)].reduce((sum, [, number, unit = 's']) => sum + Number(number) * unitSeconds[unit]!, 0);
  return `${seconds.toFixed(9).replace(/\.?0+$/, '')}s`;
}
