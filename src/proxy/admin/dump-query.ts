// What `/config_dump?resource=&mask=&name_regex=` keeps of a dump: the rules of Envoy's admin interface. Pure.
import type { JsonValue } from '@bufbuild/protobuf';
import { Regex } from '#codec/regex';
import { MeshError, messageOf } from '#foundation/mesh-error';
import { dumpSections } from '#xds/config-dump';
import type { Entry } from './config-dump.ts';

export interface DumpQuery {
  /** A list of one of the dumps, such as `dynamic_listeners`: its entries take the place of the dumps. */
  resource?: string;
  /** A FieldMask: paths with commas between them, relative to each dump, or to each entry of `resource`. */
  mask?: string;
  /** The whole name of a resource has to match. */
  nameRegex?: string;
}

const maskPathsMax = 100;

/** Throws MeshError DUMP_QUERY where the query cannot be followed. */
export function selectDump(dumps: readonly Entry[], { resource, mask, nameRegex }: DumpQuery): Entry[] {
  let selected = nameRegex === undefined ? [...dumps] : dumps.map((dump) => withNames(dump, fullMatch(nameRegex)));
  if (resource !== undefined) selected = entriesOf(selected, resource);
  if (mask === undefined) return selected;
  const paths = mask.split(',').map((path) => path.trim().split('.'));
  if (paths.length > maskPathsMax) throw new MeshError('DUMP_QUERY', `a mask of more than ${maskPathsMax} paths`);
  return selected.flatMap((entry) => {
    const kept = masked(entry, paths);
    if (!isEntry(kept) || Object.keys(kept).length === 0) return [];
    return [{ ...(entry['@type'] !== undefined && { '@type': entry['@type'] }), ...kept }];
  });
}

function entriesOf(dumps: readonly Entry[], resource: string): Entry[] {
  const lists = dumps.map((dump) => dump[resource]).filter(Array.isArray);
  if (lists.length > 0) return (lists as Entry[][]).flat();
  const known = dumps.flatMap((dump) => Object.keys(dump).filter((key) => Array.isArray(dump[key])));
  throw new MeshError('DUMP_QUERY', `${resource} is no list of the dump: one of ${known.join(', ')}`);
}

function fullMatch(pattern: string): Regex {
  try {
    return new Regex(pattern);
  } catch (error) {
    throw new MeshError('DUMP_QUERY', `name_regex: ${messageOf(error)}`);
  }
}

function withNames(dump: Entry, pattern: Regex): Entry {
  return Object.fromEntries(
    Object.entries(dump).map(([key, value]) => [
      key,
      Array.isArray(value) ? value.filter((entry) => pattern.matches(nameOf(entry as Entry))) : value,
    ]),
  );
}

function nameOf(entry: Entry): string {
  const error = entry['error_state'];
  const failed = isEntry(error) ? error['failed_configuration'] : undefined;
  const resources = [entry, failed, ...Object.values(dumpSections).map(({ item }) => entry[item])].filter(isEntry);
  const name = resources.map((resource) => resource['name'] ?? resource['cluster_name']).find((each) => typeof each === 'string');
  return name ?? '';
}

/** What the paths lead to; undefined where they lead nowhere. A path into a list is one into each of its elements. */
function masked(value: JsonValue, paths: readonly (readonly string[])[]): JsonValue | undefined {
  if (paths.some((path) => path.length === 0)) return value;
  if (Array.isArray(value)) return value.map((element) => masked(element, paths) ?? {});
  if (!isEntry(value)) return undefined;
  const kept: Entry = {};
  for (const key of new Set(paths.map(([first = '']) => first))) {
    const field = value[key];
    const rest = paths.filter(([first]) => first === key).map((path) => path.slice(1));
    const part = field === undefined ? undefined : masked(field, rest);
    if (part !== undefined) kept[key] = part;
  }
  return kept;
}

function isEntry(value: JsonValue | undefined): value is Entry {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
