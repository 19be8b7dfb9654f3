// A body in Kubernetes' protobuf: four magic bytes, an envelope that names the kind, and the message of that kind. Read into what the same
// object is in JSON. Pure.
import { BinaryReader, type WireType } from '@bufbuild/protobuf/wire';
import { StoreError } from '#store/store-error';
import { messages } from './protobuf-messages.ts';

export const protobufType = 'application/vnd.kubernetes.protobuf';

const magic = Buffer.from('k8s\0', 'latin1');
const depthMax = 32;

/** Throws StoreError UNSUPPORTED_MEDIA_TYPE where kind or field are none that we read so, BAD_REQUEST where it is broken. */
export function decodeProtobuf(body: Buffer): Record<string, unknown> {
  if (!body.subarray(0, magic.length).equals(magic))
    throw new StoreError('BAD_REQUEST', 'the body does not begin as Kubernetes’ protobuf does');
  try {
    const { apiVersion, kind, raw } = readEnvelope(body.subarray(magic.length));
    if (!(kind in messages)) throw unsupported(`${kind} in ${apiVersion}`);
    return { apiVersion, kind, ...readMessage(kind, raw, 0) };
  } catch (cause) {
    throw cause instanceof StoreError ? cause : new StoreError('BAD_REQUEST', 'the body is no sound protobuf', { cause });
  }
}

function unsupported(what: string): StoreError {
  return new StoreError('UNSUPPORTED_MEDIA_TYPE', `${what} is not read as protobuf here: send JSON`);
}

/** runtime.Unknown: 1 typeMeta {1 apiVersion, 2 kind}, 2 raw. */
function readEnvelope(bytes: Uint8Array): { apiVersion: string; kind: string; raw: Uint8Array } {
  const found = { apiVersion: '', kind: '', raw: new Uint8Array() };
  for (const [field, reader, wire] of fieldsOf(bytes)) {
    if (field === 1) {
      for (const [part, typeMeta, partWire] of fieldsOf(reader.bytes())) {
        if (part === 1) found.apiVersion = typeMeta.string();
        else if (part === 2) found.kind = typeMeta.string();
        else typeMeta.skip(partWire);
      }
    } else if (field === 2) found.raw = new Uint8Array(reader.bytes());
    else reader.skip(wire);
  }
  return found;
}

function* fieldsOf(bytes: Uint8Array): Iterable<[field: number, reader: BinaryReader, wire: WireType]> {
  const reader = new BinaryReader(bytes);
  while (reader.pos < reader.len) {
    const [field, wire] = reader.tag();
    yield [field, reader, wire];
  }
}

function readMessage(name: string, bytes: Uint8Array, depth: number): Record<string, unknown> {
  if (depth > depthMax) throw new StoreError('BAD_REQUEST', `the body is nested deeper than ${depthMax} levels`);
  const message = messages[name]!;
  const result: Record<string, unknown> = {};
  for (const [number, reader, wire] of fieldsOf(bytes)) {
    const [field, type] = message[number] ?? [];
    if (field === undefined || type === undefined) throw unsupported(`field ${number} of ${name}`);
    if (type === 'ignored') reader.skip(wire);
    else if (type.startsWith('inline ')) Object.assign(result, readMessage(type.slice(7), reader.bytes(), depth + 1));
    else if (type.startsWith('[] ')) result[field] = [...((result[field] as unknown[]) ?? []), readValue(type.slice(3), reader, depth)];
    else if (type.startsWith('map ')) {
      const [key, value] = readEntry(type.slice(4), reader, depth);
      if (key !== '__proto__') result[field] = { ...(result[field] as object), [key]: value };
    } else {
      const value = readValue(type.replace('!', ''), reader, depth);
      if (type.endsWith('!') || !isZero(value)) result[field] = value;
    }
  }
  return result;
}

function readEntry(type: string, reader: BinaryReader, depth: number): [key: string, value: unknown] {
  let key = '';
  let value: unknown = '';
  for (const [part, entry] of fieldsOf(reader.bytes())) {
    if (part === 1) key = entry.string();
    else value = readValue(type, entry, depth);
  }
  return [key, value];
}

function readValue(type: string, reader: BinaryReader, depth: number): unknown {
  switch (type) {
    case 'text':
      return reader.string();
    case 'int':
      return Number(reader.int64());
    case 'bool':
      return reader.bool();
    case 'bytes':
      return Buffer.from(reader.bytes()).toString('base64');
    case 'intOrText':
      return readIntOrText(reader.bytes());
    case 'quantity':
      return readQuantity(reader.bytes());
    case 'empty':
      if (reader.bytes().length > 0) throw unsupported('a field that is not empty');
      return {};
    default:
      return readMessage(type, reader.bytes(), depth + 1);
  }
}

/** Quantity: 1 string. */
function readQuantity(bytes: Uint8Array): string {
  let text = '';
  for (const [part, reader, wire] of fieldsOf(bytes)) {
    if (part === 1) text = reader.string();
    else reader.skip(wire);
  }
  return text;
}

/** IntOrString: 1 type (1: text), 2 intVal, 3 strVal. */
function readIntOrText(bytes: Uint8Array): number | string {
  let isText = false;
  let number = 0;
  let text = '';
  for (const [part, reader] of fieldsOf(bytes)) {
    if (part === 1) isText = Number(reader.int64()) === 1;
    else if (part === 2) number = reader.int32();
    else text = reader.string();
  }
  return isText ? text : number;
}

function isZero(value: unknown): boolean {
  return value === '' || value === 0 || value === false || (typeof value === 'object' && value !== null && Object.keys(value).length === 0);
}
