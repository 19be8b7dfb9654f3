// YAML text to values, with the place of every field and every syntax error. Pure; JSON is YAML.
import {
  Composer,
  type CST,
  type Document,
  isAlias,
  isMap,
  isNode,
  isScalar,
  isSeq,
  Lexer,
  LineCounter,
  type Node,
  Parser,
  type YAMLError,
} from 'yaml';
import { type Place, type PlainDocument, readPlain } from './plain-reader.ts';

/** Lines and columns count from 1. */
interface Position {
  line: number;
  column: number;
}

interface SyntaxProblem extends Position {
  message: string;
}

export interface YamlDocument extends Position {
  /** Undefined where the document is empty or has syntax problems. */
  value: unknown;
  problems: SyntaxProblem[];
  /** Of a field's key, or of an element; of the nearest enclosing field where the path leads nowhere. */
  positionOf(path: readonly (string | number)[]): Position;
}

export const yamlBytesMax = 10 * 1024 * 1024;
const problemsMax = 20;
const depthMax = 200;
/** Bounds what aliases may unfold to. */
const aliasesMax = 100;

/** The documents of a text, empty ones left out. One that is broken says so itself; the others stand. */
export function parseYaml(text: string): YamlDocument[] {
  if (text.length > yamlBytesMax) return [broken(`is larger than ${yamlBytesMax / 1024 / 1024} MB`)];
  const plain = readPlain(text);
  if (!plain) return parseAny(text);
  const lines = new LineCounter();
  for (let at = 0; ; ) {
    lines.addNewLine(at);
    at = text.indexOf('\n', at) + 1;
    if (at === 0) break;
  }
  return plain.map((document) => placed(document, lines));
}

function placed({ value, place }: PlainDocument, lines: LineCounter): YamlDocument {
  const positionOf = (path: readonly (string | number)[]) => position(lines, offsetIn(place, path) ?? place.offset);
  return { ...position(lines, place.offset), value, problems: [], positionOf };
}

/** The same as `find`, of what was read as plain. */
function offsetIn(place: Place, path: readonly (string | number)[]): number | undefined {
  let at: Place = place;
  let offset: number | undefined;
  for (const segment of path) {
    const index = at.keys?.indexOf(String(segment)) ?? -1;
    const next = at.items ? at.items[segment as number] : at.values?.[index];
    if (!next) break;
    offset = at.items ? next.offset : at.keyOffsets?.[index];
    at = next;
  }
  return offset;
}

/** The whole language. */
export function parseAny(text: string): YamlDocument[] {
  const lines = new LineCounter();
  try {
    const documents = new Composer({ prettyErrors: false, uniqueKeys: true, merge: true, logLevel: 'silent' }).compose(tokens(text, lines));
    return [...documents].filter((document) => document.errors.length > 0 || !isEmpty(document)).map((document) => read(document, lines));
  } catch (error) {
    if (error instanceof TooDeep) return [broken(`is nested deeper than ${depthMax} levels`, position(lines, error.offset))];
    throw error;
  }
}

class TooDeep extends Error {
  constructor(readonly offset: number) {
    super('too deep');
  }
}

/** The parser keeps its own stack, the composer after it recurses: depth has to be bounded here. */
function* tokens(text: string, lines: LineCounter): Generator<CST.Token, void> {
  lines.addNewLine(0);
  const parser = new Parser(lines.addNewLine);
  for (const lexeme of new Lexer().lex(text)) {
    yield* parser.next(lexeme);
    if (parser.stack.length > depthMax) throw new TooDeep(parser.offset);
  }
  yield* parser.end();
}

function isEmpty({ contents }: Document): boolean {
  return contents === null || (isScalar(contents) && contents.value === null);
}

function broken(message: string, at: Position = { line: 1, column: 1 }): YamlDocument {
  return { ...at, value: undefined, problems: [{ ...at, message }], positionOf: () => at };
}

function position(lines: LineCounter, offset: number): Position {
  const { line, col } = lines.linePos(offset);
  return { line: Math.max(1, line), column: Math.max(1, col) };
}

function read(document: Document, lines: LineCounter): YamlDocument {
  const at = (offset: number) => position(lines, offset);
  const start = at(offsetOf(document.contents) ?? document.range?.[0] ?? 0);
  const problems = document.errors.slice(0, problemsMax).map((error) => ({ ...at(error.pos[0]), message: sentence(error) }));
  let value: unknown;
  if (problems.length === 0) {
    try {
      value = document.toJS({ maxAliasCount: aliasesMax });
    } catch (error) {
      problems.push({ ...start, message: error instanceof Error ? error.message : String(error) });
    }
  }
  const positionOf = (path: readonly (string | number)[]) => at(find(document, path) ?? offsetOf(document.contents) ?? 0);
  return { ...start, value, problems, positionOf };
}

function offsetOf(node: unknown): number | undefined {
  return isNode(node) ? node.range?.[0] : undefined;
}

/** The offset of the deepest part of the path that there is. */
function find(document: Document, path: readonly (string | number)[]): number | undefined {
  let node: unknown = document.contents;
  let offset: number | undefined;
  for (const segment of path) {
    if (isAlias(node)) node = node.resolve(document);
    if (isSeq(node) && typeof segment === 'number') {
      const item: unknown = node.items[segment];
      if (item === undefined) break;
      offset = offsetOf(item) ?? offset;
      node = item;
    } else if (isMap(node)) {
      const pair = node.items.find(({ key }) => isScalar(key) && String(key.value) === String(segment));
      if (!pair) break;
      offset = offsetOf(pair.key as Node) ?? offset;
      node = pair.value;
    } else break;
  }
  return offset;
}

const sentences: Partial<Record<YAMLError['code'], string>> = {
  DUPLICATE_KEY: 'this field is given twice',
  TAB_AS_INDENT: 'a tab indents this line: use spaces',
  BAD_INDENT: 'wrong indentation: the elements of one block begin in the same column',
};

function sentence(error: YAMLError): string {
  return sentences[error.code] ?? error.message;
}
