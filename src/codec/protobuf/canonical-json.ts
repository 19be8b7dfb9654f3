// Canonical JSON of Envoy's messages by name, with what `Any` carries opened. ts-proto's own JSON is not canonical.
// Slow and large (0.1 s, 15 MB): see shared-canonical-json.ts.
import {
  createFileRegistry,
  type DescMessage,
  fromBinary,
  fromJson,
  type JsonObject,
  type JsonValue,
  type Registry,
  toBinary,
  toJson,
} from '@bufbuild/protobuf';
import { EmptySchema, FileDescriptorSetSchema } from '@bufbuild/protobuf/wkt';
import { withProtobufDurations } from './go-durations.ts';
import { type MergeOptions, mergeBytes } from './merge.ts';

export class CanonicalJson {
  private readonly registry: Registry;
  /** The same, but a type that is not known has no fields: an extension inside of a message does not close the message. */
  private readonly lenient: Registry;

  /** `descriptors`: a serialized FileDescriptorSet. */
  constructor(descriptors: Uint8Array) {
    const registry = createFileRegistry(fromBinary(FileDescriptorSetSchema, descriptors));
    this.registry = registry;
    this.lenient = { ...registry, getMessage: (name) => registry.getMessage(name) ?? withoutFields(name) };
  }

  /**
   * A message as JSON with its proto field names and `@type`, as Envoy prints it. What cannot be opened (a type that is
   * not known here, bytes that do not parse) is given as base64 with the reason; an `Any` inside of it whose type is not
   * known, as its `@type` alone.
   */
  print(typeUrl: string, bytes: Uint8Array): JsonValue {
    const name = typeUrl.slice(typeUrl.lastIndexOf('/') + 1);
    const schema = this.registry.getMessage(name);
    if (schema === undefined) return unopened(typeUrl, bytes, `type ${name} is not known`);
    try {
      const json = toJson(schema, fromBinary(schema, bytes), { registry: this.lenient, useProtoFieldName: true });
      return { '@type': typeUrl, ...(json as Record<string, JsonValue>) };
    } catch (thrown) {
      return unopened(typeUrl, bytes, thrown instanceof Error ? thrown.message : String(thrown));
    }
  }

  /** What `print` wrote, as bytes again. Throws where the JSON is not of this type. */
  parse(typeUrl: string, json: JsonObject): Uint8Array {
    const name = typeUrl.slice(typeUrl.lastIndexOf('/') + 1);
    const schema = this.registry.getMessage(name);
    if (schema === undefined) throw new Error(`type ${name} is not known`);
    const { '@type': _, ...fields } = json;
    return toBinary(schema, fromJson(schema, fields, { registry: this.lenient, ignoreUnknownFields: true }));
  }

  /** JSON as people write it -> bytes of the message `typeName`; undefined where it is none. */
  encode(typeName: string, json: JsonValue): Uint8Array | undefined {
    const schema = this.registry.getMessage(typeName);
    if (schema === undefined) return undefined;
    try {
      const message = withProtobufDurations(schema, json, this.registry);
      return toBinary(schema, fromJson(schema, message, { registry: this.registry, ignoreUnknownFields: true }));
    } catch {
      return undefined;
    }
  }

  /** `from` merged into `into`, both of the message `typeName`, which must be known. */
  merge(typeName: string, into: Uint8Array, from: Uint8Array, lists: MergeOptions['lists'] = 'grow'): Uint8Array {
    return mergeBytes(this.registry.getMessage(typeName)!, into, from, { registry: this.registry, lists });
  }

  /**
   * Why `value` is no JSON of the message; undefined where it is one, or where the message's type is not known here. What an
   * `Any` of a type that is not known carries is not looked at.
   */
  problemOf(typeName: string, value: JsonValue): string | undefined {
    const schema = this.registry.getMessage(typeName);
    if (schema === undefined) return undefined;
    try {
      const message = withProtobufDurations(schema, this.withoutUnknownTypes(value), this.registry);
      fromJson(schema, message, { registry: this.registry });
      return undefined;
    } catch (thrown) {
      return thrown instanceof Error ? thrown.message : String(thrown);
    }
  }

  /** Of what `value` carries in `Any`s: the types that are not known here. */
  unknownTypes(value: JsonValue): string[] {
    if (typeof value !== 'object' || value === null) return [];
    const inside = Object.values(value).flatMap((field) => this.unknownTypes(field));
    const type = Array.isArray(value) ? undefined : value['@type'];
    return typeof type === 'string' && !this.isKnown(type) ? [type, ...inside] : inside;
  }

  private isKnown(typeUrl: string): boolean {
    return this.registry.getMessage(typeUrl.slice(typeUrl.lastIndexOf('/') + 1)) !== undefined;
  }

  private withoutUnknownTypes(value: JsonValue): JsonValue {
    if (Array.isArray(value)) return value.map((each) => this.withoutUnknownTypes(each));
    if (typeof value !== 'object' || value === null) return value;
    const { '@type': type } = value;
    if (typeof type === 'string' && !this.isKnown(type)) return emptyAny;
    return Object.fromEntries(Object.entries(value).map(([key, field]) => [key, this.withoutUnknownTypes(field)]));
  }
}

const emptyAny = { '@type': 'type.googleapis.com/google.protobuf.Empty' };

function unopened(typeUrl: string, bytes: Uint8Array, reason: string): JsonValue {
  return { '@type': typeUrl, value: Buffer.from(bytes).toString('base64'), unopened: reason };
}

function withoutFields(typeName: string): DescMessage {
  return Object.create(EmptySchema, { typeName: { value: typeName } }) as DescMessage;
}
