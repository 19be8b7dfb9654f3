// Merges one message into another of the same type, as Istio merges patches: lists grow or are replaced, maps and fields are overlaid,
// messages merge, and what an Any carries does where both carry the same. Durations are values: they are replaced.
import { create, type DescMessage, fromBinary, type Message, type Registry, toBinary } from '@bufbuild/protobuf';
import { type ReflectMessage, reflect } from '@bufbuild/protobuf/reflect';
import { type Any, AnySchema } from '@bufbuild/protobuf/wkt';

export interface MergeOptions {
  /** Of what an `Any` may carry. */
  registry: Registry;
  /** What becomes of a list that both have. */
  lists: 'grow' | 'replaced';
}

export function mergeBytes(schema: DescMessage, into: Uint8Array, from: Uint8Array, options: MergeOptions): Uint8Array {
  const target = fromBinary(schema, into);
  mergeMessage(reflect(schema, target), reflect(schema, fromBinary(schema, from)), options);
  return toBinary(schema, target);
}

const values = new Set(['google.protobuf.Duration', 'google.protobuf.Timestamp']);

function mergeMessage(target: ReflectMessage, source: ReflectMessage, options: MergeOptions): void {
  for (const field of source.fields) {
    if (!source.isSet(field)) continue;
    switch (field.fieldKind) {
      case 'list': {
        const list = target.get(field);
        if (options.lists === 'replaced') list.clear();
        for (const item of source.get(field)) list.add(item);
        break;
      }
      case 'map': {
        const map = target.get(field);
        for (const [key, value] of source.get(field)) map.set(key, value);
        break;
      }
      case 'message': {
        const patch = source.get(field);
        if (!target.isSet(field) || values.has(field.message.typeName)) target.set(field, patch);
        else if (field.message.typeName === AnySchema.typeName) target.set(field, mergedAny(target.get(field), patch, options));
        else mergeMessage(target.get(field), patch, options);
        break;
      }
      default:
        target.set(field, source.get(field));
    }
  }
}

function mergedAny(target: ReflectMessage, source: ReflectMessage, options: MergeOptions): ReflectMessage {
  const into = target.message as Message & Any;
  const from = source.message as Message & Any;
  const schema = options.registry.getMessage(from.typeUrl.slice(from.typeUrl.lastIndexOf('/') + 1));
  if (into.typeUrl !== from.typeUrl || schema === undefined) return source;
  const value = mergeBytes(schema, into.value, from.value, options);
  return reflect(AnySchema, create(AnySchema, { typeUrl: into.typeUrl, value }));
}
