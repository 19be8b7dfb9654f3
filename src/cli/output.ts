// What commands print for programs and for people: JSON, and columns as kubectl prints them.
import type { ApiObject } from '#api/kind';
import { originAnnotation } from '#api/origin';

const gap = '   ';

/** Rows under their titles, left-aligned; the last column is not padded. */
export function columns(titles: readonly string[], rows: readonly (readonly string[])[]): string {
  const lines = [titles, ...rows];
  const widths = titles.map((_, column) => Math.max(...lines.map((line) => (line[column] ?? '').length)));
  const last = titles.length - 1;
  const write = (line: readonly string[]) =>
    line.map((cell, column) => (column === last ? cell : cell.padEnd(widths[column] ?? 0))).join(gap);
  return `${lines.map(write).join('\n')}\n`;
}

export function asJson(value: unknown): string {
  return `${JSON.stringify(value, undefined, 2)}\n`;
}

/** Without the note of where it was read from: as kubectl hides managedFields. */
export function presentable(object: ApiObject): ApiObject {
  const { [originAnnotation]: _, ...annotations } = object.metadata.annotations ?? {};
  const { annotations: __, ...metadata } = object.metadata;
  return { ...object, metadata: { ...metadata, ...(Object.keys(annotations).length > 0 && { annotations }) } };
}

/** `virtualservice.networking.istio.io/reviews`, as kubectl calls an object. */
export function resourceName(kind: { singular: string; group: string }, name: string, separator = '/'): string {
  return `${kind.singular}${kind.group ? `.${kind.group}` : ''}${separator}${name}`;
}
