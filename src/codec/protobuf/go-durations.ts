// Durations as Go writes them (`500ms`, `1m30s`), which Istio takes in patches, in the form that protobuf's JSON has (`0.5s`).
import type { DescField, DescMessage, JsonValue, Registry } from '@bufbuild/protobuf';
import { durationMs } from '#foundation/duration';

/** What protobuf writes itself, or nobody does, is left to it. */
const written = /^(?:\d+(?:\.\d+)?[a-zµ]+)+$/;

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
  const ms = written.test(text) ? durationMs(text) : undefined;
  return ms === undefined ? text : `${(ms / 1000).toFixed(9).replace(/\.?0+$/, '')}s`;
}
