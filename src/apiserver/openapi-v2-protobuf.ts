// OpenAPI version 2 in gnostic's protobuf, which kubectl up to 1.27 asks for before it applies: every kind by name, as an object whose
// fields the server checks. Pure. Field numbers are those of gnostic's openapi.v2 messages.
import { BinaryWriter } from '@bufbuild/protobuf/wire';
import type { Kind } from '#api/kind';

export const openApiV2ProtobufType = 'application/com.github.proto-openapi.spec.v2.v1.0+protobuf';

/** Which Accept header wants it. */
export const wantsProtobuf = (accept: string | undefined) => /proto-openapi\.spec\.v2[@.]v1\.0\+protobuf/.test(accept ?? '');

export function openApiV2Protobuf(kinds: readonly Kind[]): Uint8Array {
  const definitions = kinds.flatMap((kind) => kind.versions.map((version) => namedSchema(kind, version)));
  return document((writer) => {
    text(writer, 1, '2.0');
    message(writer, 2, (info) => text(text(info, 1, 'Lateen'), 2, 'v1'));
    message(writer, 8, () => undefined);
    message(writer, 9, (all) => {
      for (const definition of definitions) message(all, 1, definition);
    });
  });
}

type Write = (writer: BinaryWriter) => void;

function namedSchema({ group, kind }: Kind, version: string): Write {
  const groupVersionKind = `- group: ${JSON.stringify(group)}\n  kind: ${kind}\n  version: ${version}\n`;
  return (writer) => {
    text(writer, 1, `${group || 'core'}.${version}.${kind}`);
    message(writer, 2, (schema) => {
      message(schema, 22, (types) => text(types, 1, 'object'));
      message(schema, 31, (extension) => {
        text(extension, 1, 'x-kubernetes-group-version-kind');
        message(extension, 2, (any) => text(any, 2, groupVersionKind));
      });
    });
  };
}

function document(write: Write): Uint8Array {
  const writer = new BinaryWriter();
  write(writer);
  return writer.finish();
}

const lengthDelimited = 2;

function text(writer: BinaryWriter, field: number, value: string): BinaryWriter {
  return writer.tag(field, lengthDelimited).string(value);
}

function message(writer: BinaryWriter, field: number, write: Write): void {
  writer.tag(field, lengthDelimited).bytes(document(write));
}
