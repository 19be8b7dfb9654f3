// A YAML or JSON text to objects that know their file and lines. Degrades by item: what is sound comes out, what is not
// comes out as problems.
import { parseYaml, type YamlDocument } from '#codec/yaml/documents';
import type { Origin, Problem } from '#foundation/problem';
import { type DecodeOptions, describeObject, type Examined, examineObject } from './decode.ts';
import { type PathSegment, parseFieldPath } from './field-path.ts';
import { isPlainObject } from './json.ts';
import type { ApiObject } from './kind.ts';
import { originLinesMax, withOrigin } from './origin.ts';

export interface Manifest {
  objects: ApiObject[];
  /** Errors, and warnings of objects that came out. */
  problems: Problem[];
  /** `Kind namespace/name` of those that did not come out, as far as they told. */
  refused: string[];
}

/** One object of a text, or one document that is none. */
export interface ManifestItem extends Examined {
  origin: Origin;
  /** `Kind namespace/name`, as far as it told. */
  subject?: string;
}

/** Reads every document, also those inside of `kind: List`. `file` is how the file is called in messages and origins. */
export function readManifest(text: string, file: string, options: DecodeOptions = {}): Manifest {
  return readItems(unreadItems(text, file), options);
}

export function readItems(items: Iterable<UnreadItem>, options: DecodeOptions = {}): Manifest {
  const manifest: Manifest = { objects: [], problems: [], refused: [] };
  for (const { read } of items) {
    const { object, subject, problems } = read(options);
    manifest.problems.push(...problems);
    const sound = options.mend || !problems.some(({ level }) => level === 'error');
    if (object && sound) manifest.objects.push(object);
    else if (subject !== undefined) manifest.refused.push(subject);
  }
  return manifest;
}

/** One by one, in the order of the text. */
export function* manifestItems(text: string, file: string, options: DecodeOptions = {}): Iterable<ManifestItem> {
  for (const { read } of unreadItems(text, file)) yield read(options);
}

/** An item that was parsed and not looked at. */
export interface UnreadItem {
  /** Undefined: a document that is no YAML. */
  value: unknown;
  /** Checks and decodes it. */
  read(options?: DecodeOptions): ManifestItem;
}

/** The same, for who does not want all of them: reading costs several times as much as parsing. */
export function* unreadItems(text: string, file: string): Iterable<UnreadItem> {
  for (const document of parseYaml(text)) {
    const problems = document.problems.map(
      ({ line, column, message }): Problem => ({ level: 'error', code: 'YAML_SYNTAX', message, origin: { file, line, column } }),
    );
    const { line, column } = document;
    if (problems.length > 0) yield { value: undefined, read: () => ({ origin: { file, line, column }, problems }) };
    else {
      for (const item of itemsOf(document.value))
        yield { value: item.value, read: (options = {}) => readItem(document, item, file, options) };
    }
  }
}

interface Item {
  value: unknown;
  /** Inside of the document. */
  path: PathSegment[];
}

function itemsOf(value: unknown): Item[] {
  const isList =
    isPlainObject(value) && typeof value['kind'] === 'string' && /^\w*List$/.test(value['kind']) && Array.isArray(value['items']);
  if (!isList) return [{ value, path: [] }];
  return (value['items'] as unknown[]).map((item, index) => ({ value: item, path: ['items', index] }));
}

function readItem(document: YamlDocument, item: Item, file: string, options: DecodeOptions): ManifestItem {
  const at = (field: string) => ({ file, ...document.positionOf([...item.path, ...parseFieldPath(field)]) });
  const { object, problems } = examineObject(item.value, options);
  const subject = describeObject(item.value);
  const read = {
    origin: at(''),
    problems: problems.map((problem) => ({ ...problem, origin: at(problem.field ?? '') })),
    ...(subject !== undefined && { subject }),
  };
  if (!object) return read;
  const lines: Record<string, number> = {};
  for (const field of linedFields(object)) lines[field] = at(field).line;
  return { ...read, object: withOrigin(object, { file, line: at('').line, lines }) };
}

/** The elements whose lines are worth keeping: of the arrays in spec, and of each rule's matches and destinations. */
function linedFields(object: ApiObject): string[] {
  const fields: string[] = [];
  const add = (at: string, owner: Record<string, unknown>, names: readonly string[], each?: (at: string, element: unknown) => void) => {
    for (const name of names) {
      const elements = owner[name];
      if (!Array.isArray(elements)) continue;
      for (const [index, element] of elements.entries()) {
        if (fields.length >= originLinesMax) return;
        fields.push(`${at}.${name}[${index}]`);
        each?.(`${at}.${name}[${index}]`, element);
      }
    }
  };
  const spec = (object as ApiObject & { spec?: unknown }).spec;
  if (!isPlainObject(spec)) return fields;
  add('spec', spec, Object.keys(spec), (at, element) => {
    if (isPlainObject(element)) add(at, element, ['match', 'route']);
  });
  return fields;
}
