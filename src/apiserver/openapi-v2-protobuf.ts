// OpenAPI version 2 in gnostic's protobuf, which kubectl up to 1.27 asks for before it writes: that each kind may be patched, and with which
// parameters. It says nothing of fields, for the server checks them, and old clients then make their patches by what they know
// themselves. Pure. Field numbers are those of gnostic's openapi.v2 messages.
import { BinaryWriter } from '@bufbuild/protobuf/wire';
import type { Kind } from '#api/kind';
import { groupPath } from '#store/rest-path';

export const openApiV2ProtobufType = 'application/com.github.proto-openapi.spec.v2.v1.0+protobuf';

/** Which Accept header wants it. */
export const wantsProtobuf = (accept: string | undefined) => /proto-openapi\.spec\.v2[@.]v1\.0\+protobuf/.test(accept ?? '');

/** Of a write: kubectl asks whether they are there before it sends them. */
const parameters = ['dryRun', 'fieldManager', 'fieldValidation'];

export function openApiV2Protobuf(kinds: readonly Kind[]): Uint8Array {
  const served = kinds.flatMap((kind) => kind.versions.map((version) => namedPath(kind, version)));
  return document((writer) => {
    text(writer, 1, '2.0');
    message(writer, 2, (info) => text(text(info, 1, 'Lateen'), 2, 'v1'));
    message(writer, 8, (paths) => {
      for (const path of served) message(paths, 2, path);
    });
    message(writer, 9, () => undefined);
  });
}

type Write = (writer: BinaryWriter) => void;

function namedPath(kind: Kind, version: string): Write {
  const groupVersionKind = `group: ${JSON.stringify(kind.group)}\nkind: ${kind.kind}\nversion: ${version}\n`;
  const place = `${groupPath(kind, version)}${kind.namespaced ? '/namespaces/{namespace}' : ''}/${kind.plural}/{name}`;
  const operation: Write = (writer) => {
    for (const name of parameters) message(writer, 8, queryParameter(name));
    message(writer, 13, (extension) => {
      text(extension, 1, 'x-kubernetes-group-version-kind');
      message(extension, 2, (any) => text(any, 2, groupVersionKind));
    });
  };
  return (writer) => {
    text(writer, 1, place);
    message(writer, 2, (item) => message(item, 8, operation));
  };
}

/** A parameter is one of several kinds of things, each a message around the next. */
function queryParameter(name: string): Write {
  return (item) =>
    message(item, 1, (parameter) =>
      message(parameter, 2, (nonBody) => message(nonBody, 3, (query) => text(text(text(query, 2, 'query'), 4, name), 6, 'string'))),
    );
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
