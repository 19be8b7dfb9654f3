// OpenAPI version 2 in gnostic's protobuf, the form in which kubectl up to 1.27 asks for it. Pure. Field numbers are those of gnostic's
// openapi.v2 messages. Of the operations, only that a kind may be patched is written: it is what kubectl looks for.
import { BinaryWriter } from '@bufbuild/protobuf/wire';
import { isPlainObject } from '#api/json';
import type { Node } from './definition.ts';

export const openApiV2ProtobufType = 'application/com.github.proto-openapi.spec.v2.v1.0+protobuf';

/** Which Accept header wants it. */
export const wantsProtobuf = (accept: string | undefined) => /proto-openapi\.spec\.v2[@.]v1\.0\+protobuf/.test(accept ?? '');

export interface OpenApiV2 {
  swagger: string;
  info: { title: string; version: string };
  paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
  definitions: Readonly<Record<string, Node>>;
}

export interface Operation {
  parameters: readonly (Node & { name: string })[];
  [field: string]: unknown;
}

export function openApiV2Protobuf({ swagger, info, paths, definitions }: OpenApiV2): Uint8Array {
  return document((writer) => {
    text(writer, 1, swagger);
    message(writer, 2, (part) => text(text(part, 1, info.title), 2, info.version));
    message(writer, 8, (all) => {
      for (const [place, { patch }] of Object.entries(paths)) {
        if (patch) named(all, 2, place, (item) => message(item, 8, (operation) => writeOperation(operation, patch)));
      }
    });
    message(writer, 9, (all) => {
      for (const [name, definition] of Object.entries(definitions)) named(all, 1, name, (schema) => writeSchema(schema, definition));
    });
  });
}

type Write = (writer: BinaryWriter) => void;

/** A parameter is one of several kinds of things, each a message around the next. */
function writeOperation(writer: BinaryWriter, operation: Operation): void {
  for (const { name } of operation.parameters) {
    message(writer, 8, (item) =>
      message(item, 1, (parameter) =>
        message(parameter, 2, (nonBody) => message(nonBody, 3, (query) => text(text(text(query, 2, 'query'), 4, name), 6, 'string'))),
      ),
    );
  }
  writeExtensions(writer, 13, operation);
}

const textFields: readonly [string, number][] = [
  ['$ref', 1],
  ['format', 2],
  ['description', 4],
  ['pattern', 13],
];
const numberFields: readonly [string, number][] = [
  ['maximum', 7],
  ['minimum', 9],
];
const countFields: readonly [string, number][] = [
  ['maxLength', 11],
  ['minLength', 12],
  ['maxItems', 14],
  ['minItems', 15],
  ['maxProperties', 17],
];

function writeSchema(writer: BinaryWriter, schema: Node): void {
  for (const [name, field] of textFields) if (typeof schema[name] === 'string') text(writer, field, schema[name]);
  for (const [name, field] of numberFields) if (typeof schema[name] === 'number') writer.tag(field, fixed64).double(schema[name]);
  for (const [name, field] of countFields) if (typeof schema[name] === 'number') writer.tag(field, varint).int64(schema[name]);
  const { required = [], enum: values = [], additionalProperties, type, items, properties } = schema as Record<string, unknown[]>;
  for (const name of required) text(writer, 19, String(name));
  for (const value of values) message(writer, 20, (any) => text(any, 2, JSON.stringify(value)));
  if (isPlainObject(additionalProperties))
    message(writer, 21, (item) => message(item, 1, (each) => writeSchema(each, additionalProperties)));
  if (typeof type === 'string') message(writer, 22, (item) => text(item, 1, type));
  if (isPlainObject(items)) message(writer, 23, (item) => message(item, 1, (each) => writeSchema(each, items)));
  if (isPlainObject(properties)) {
    message(writer, 25, (all) => {
      for (const [name, property] of Object.entries(properties)) named(all, 1, name, (each) => writeSchema(each, property as Node));
    });
  }
  writeExtensions(writer, 31, schema);
}

/** Their values are YAML, which JSON is. */
function writeExtensions(writer: BinaryWriter, field: number, node: Node): void {
  for (const [name, value] of Object.entries(node)) {
    if (name.startsWith('x-') && value !== undefined) named(writer, field, name, (any) => text(any, 2, JSON.stringify(value)));
  }
}

function document(write: Write): Uint8Array {
  const writer = new BinaryWriter();
  write(writer);
  return writer.finish();
}

const varint = 0;
const fixed64 = 1;
const lengthDelimited = 2;

function text(writer: BinaryWriter, field: number, value: string): BinaryWriter {
  return writer.tag(field, lengthDelimited).string(value);
}

function message(writer: BinaryWriter, field: number, write: Write): void {
  writer.tag(field, lengthDelimited).fork();
  write(writer);
  writer.join();
}

/** gnostic's way to write a map: messages of a name and a value. */
function named(writer: BinaryWriter, field: number, name: string, write: Write): void {
  message(writer, field, (entry) => message(text(entry, 1, name), 2, write));
}
