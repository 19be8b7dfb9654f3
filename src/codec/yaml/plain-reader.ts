// Reads the plain part of YAML, which is nearly all that people write, much faster than a parser of the whole language:
// block and flow collections, scalars of one line, literal blocks, comments. Pure; used by documents.ts, which turns to the
// whole language where this one gives up. What it does read, it reads as the other would: test/codec/yaml compares them.
import { plainScalar } from './plain-scalar.ts';

/** Where a collection or an element begins, and where its parts do. Offsets are of the text. */
export interface Place {
  readonly offset: number;
  /** Of a mapping: its keys, where each stands, and what is behind each. */
  readonly keys?: readonly string[];
  readonly keyOffsets?: readonly number[];
  readonly values?: readonly Place[];
  /** Of a sequence. */
  readonly items?: readonly Place[];
}

export interface PlainDocument {
  value: unknown;
  place: Place;
}

const depthMax = 100;
const keyLengthMax = 1_000;

const newline = 10;
const space = 32;
const quote = 34;
const hash = 35;
const apostrophe = 39;
const comma = 44;
const dash = 45;
const colon = 58;
const bracket = 91;
const bracketEnd = 93;
const bar = 124;
const brace = 123;
const braceEnd = 125;

/** Thrown to give up; no Error, for it is no failure and needs no stack. */
const notPlain = Symbol('not plain');

/** Undefined where the text is not plain, or not sound: the whole language decides. Empty documents are left out. */
export function readPlain(text: string): PlainDocument[] | undefined {
  // Tabs, carriage returns and byte order marks have rules of their own, as have directives and the ends of documents.
  if (/[\t\r\uFEFF]|^(?:%|\.\.\.)/m.test(text)) return undefined;
  const documents: PlainDocument[] = [];
  try {
    for (const [start, end] of documentRanges(text)) {
      const document = new PlainReader(text, start, end).document();
      if (document && document.value !== null) documents.push(document);
    }
  } catch (thrown) {
    if (thrown === notPlain) return undefined;
    throw thrown;
  }
  return documents;
}

/** `---` at the beginning of a line divides documents wherever it stands. */
function* documentRanges(text: string): Iterable<[start: number, end: number]> {
  let start = 0;
  for (const { index } of text.matchAll(/^---(?=[ \n]|$)/gm)) {
    yield [start, index];
    start = index + 3;
  }
  yield [start, text.length];
}

class PlainReader {
  private depth = 0;
  /** Of the content at `pos`, which is the first of its line; -1 at the end. True between nodes. */
  private column = -1;

  constructor(
    private readonly text: string,
    private pos: number,
    private readonly end: number,
  ) {}

  document(): PlainDocument | undefined {
    // What stands behind the mark is a comment, or else a rare thing.
    if (this.pos > 0) this.endLine();
    else this.nextLine();
    if (this.column < 0) return undefined;
    const read = this.block(this.column, -1);
    if (this.column >= 0) throw notPlain;
    return read;
  }

  private code(at = this.pos): number {
    return at < this.end ? this.text.charCodeAt(at) : newline;
  }

  /** From the beginning of a line: past empty lines and comments. */
  private nextLine(): void {
    while (this.pos < this.end) {
      const start = this.pos;
      while (this.code() === space) this.pos++;
      const code = this.code();
      if (code !== newline && code !== hash) {
        this.column = this.pos - start;
        return;
      }
      this.toNextLine();
    }
    this.column = -1;
  }

  private toNextLine(): void {
    const at = this.text.indexOf('\n', this.pos);
    this.pos = at < 0 || at >= this.end ? this.end : at + 1;
  }

  /** Nothing but a comment may follow on this line; goes to the next content. */
  private endLine(): void {
    const from = this.pos;
    while (this.code() === space) this.pos++;
    const code = this.code();
    if (code !== newline && !(code === hash && this.pos > from)) throw notPlain;
    this.toNextLine();
    this.nextLine();
  }

  private isLineEnd(): boolean {
    const code = this.code();
    return code === newline || code === hash;
  }

  /** A node at `pos`, in `column` of its line; it stands in a collection in column `parent`. */
  private block(column: number, parent: number): PlainDocument {
    if (++this.depth > depthMax) throw notPlain;
    const keyEnd = this.keyEnd();
    const read = this.isDash() ? this.sequence(column) : keyEnd >= 0 ? this.mapping(column, keyEnd) : this.leaf(parent);
    this.depth--;
    return read;
  }

  private isDash(): boolean {
    if (this.code() !== dash) return false;
    const next = this.code(this.pos + 1);
    return next === space || next === newline;
  }

  private sequence(column: number): PlainDocument {
    const place = { offset: this.pos, items: [] as Place[] };
    const value: unknown[] = [];
    for (;;) {
      const mark = this.pos++;
      while (this.code() === space) this.pos++;
      let inner = column + this.pos - mark;
      if (this.isLineEnd()) {
        this.endLine();
        inner = this.column;
      }
      if (inner <= column) throw notPlain; // an element that is nothing
      const item = this.block(inner, column);
      value.push(item.value);
      place.items.push(item.place);
      if (this.column === column && this.isDash()) continue;
      if (this.column > column) throw notPlain;
      return { value, place };
    }
  }

  private mapping(column: number, firstKeyEnd: number): PlainDocument {
    const place = { offset: this.pos, keys: [] as string[], keyOffsets: [] as number[], values: [] as Place[] };
    const value: Record<string, unknown> = {};
    for (let keyEnd = firstKeyEnd; ; keyEnd = this.keyEnd()) {
      if (keyEnd < 0) throw notPlain;
      place.keyOffsets.push(this.pos);
      const key = this.key(keyEnd);
      if (Object.hasOwn(value, key)) throw notPlain; // given twice
      this.pos = this.text.indexOf(':', keyEnd) + 1;
      const read = this.valueIn(column);
      value[key] = read.value;
      place.keys.push(key);
      place.values.push(read.place);
      if (this.column < column) return { value, place };
      if (this.column > column || this.isDash()) throw notPlain;
    }
  }

  /** What follows a key of a mapping in `column`: on its line, or on the next ones. */
  private valueIn(column: number): PlainDocument {
    const { pos } = this;
    while (this.code() === space) this.pos++;
    if (!this.isLineEnd()) return this.code() === bar ? this.literal(column) : this.leaf(column);
    this.endLine();
    if (this.column > column) return this.block(this.column, column);
    // A sequence may stand as far to the left as the key that it belongs to.
    if (this.column === column && this.isDash()) return this.block(column, column);
    return { value: null, place: { offset: pos } };
  }

  /** Where the key at `pos` ends that a colon follows on this line; -1 where there is none. */
  private keyEnd(): number {
    const { text, pos } = this;
    const first = this.code();
    if (first === quote || first === apostrophe) {
      const close = this.quoteEnd();
      let at = close;
      while (this.code(at) === space) at++;
      return this.code(at) === colon && this.isBlank(at + 1) ? close : -1;
    }
    if (first === brace || first === bracket) return -1;
    for (let at = pos; at < this.end; at++) {
      const code = text.charCodeAt(at);
      if (code === newline || (code === hash && this.code(at - 1) === space)) return -1;
      if (code === colon && this.isBlank(at + 1)) return at;
    }
    return -1;
  }

  private isBlank(at: number): boolean {
    const code = this.code(at);
    return code === space || code === newline;
  }

  private key(end: number): string {
    const { text, pos } = this;
    if (end - pos > keyLengthMax) throw notPlain;
    const first = this.code();
    const key = first === quote || first === apostrophe ? this.unquoted(end) : this.plainKey(text.slice(pos, end).trimEnd());
    if (key === '<<' || key === '__proto__') throw notPlain;
    return key;
  }

  /** A key is a string in the end, but one that is a number may be spelled in other ways. */
  private plainKey(source: string): string {
    const value = plainScalar(source);
    if (value === undefined || value === null || String(value) !== source) throw notPlain;
    return source;
  }

  /** A scalar or a flow collection in a collection in column `parent`, to the end of its line. */
  private leaf(parent: number): PlainDocument {
    const offset = this.pos;
    const read = this.isFlow() ? this.flow(parent) : { value: this.scalar(), place: { offset } };
    this.endLine();
    // What goes on further in belongs to a scalar of several lines.
    if (this.column > parent) throw notPlain;
    return read;
  }

  private isFlow(): boolean {
    const code = this.code();
    return code === brace || code === bracket;
  }

  private scalar(): unknown {
    const { text, pos } = this;
    const first = this.code();
    if (first === quote || first === apostrophe) return this.unquoted(this.quoteEnd());
    let at = pos;
    for (; at < this.end; at++) {
      const code = text.charCodeAt(at);
      if (code === newline || (code === hash && text.charCodeAt(at - 1) === space)) break;
      if (code === colon && this.isBlank(at + 1)) throw notPlain; // a mapping in a place where none may be
    }
    this.pos = at;
    while (text.charCodeAt(this.pos - 1) === space) this.pos--;
    return this.resolved(text.slice(pos, this.pos));
  }

  private resolved(source: string): unknown {
    const value = plainScalar(source);
    if (value === undefined) throw notPlain;
    return value;
  }

  /** Past the closing quote, on the same line. */
  private quoteEnd(): number {
    const { text, pos } = this;
    const mark = text.charCodeAt(pos);
    for (let at = pos + 1; at < this.end; at++) {
      const code = text.charCodeAt(at);
      if (code === newline) break;
      if (code === 92 && mark === quote) at++;
      else if (code === mark) {
        if (mark === quote || text.charCodeAt(at + 1) !== mark) return at + 1;
        at++;
      }
    }
    throw notPlain;
  }

  private unquoted(end: number): string {
    const source = this.text.slice(this.pos, end);
    const single = this.code() === apostrophe;
    this.pos = end;
    if (single) return source.slice(1, -1).replaceAll("''", "'");
    if (!source.includes('\\')) return source.slice(1, -1);
    // The escapes that JSON has mean the same here.
    if (!/^"(?:[^\\]|\\(?:["\\/bfnrt]|u[\da-fA-F]{4}))*"$/.test(source)) throw notPlain;
    return JSON.parse(source) as string;
  }

  /** `|` and `|-`, whose text is indented further than `column`. */
  private literal(column: number): PlainDocument {
    const { text, end } = this;
    const place = { offset: this.pos };
    const strip = this.code(++this.pos) === dash;
    if (strip) this.pos++;
    while (this.code() === space) this.pos++;
    if (this.code() !== newline) throw notPlain;
    this.toNextLine();
    const lines: string[] = [];
    let indentation = -1;
    for (; this.pos < end; this.toNextLine()) {
      let at = this.pos;
      while (this.code(at) === space) at++;
      const width = at - this.pos;
      if (this.code(at) === newline) {
        if (width > Math.max(indentation, column)) throw notPlain; // spaces that may count
        lines.push('');
        continue;
      }
      if (indentation < 0) indentation = width;
      if (width < indentation || width <= column) break;
      const line = text.indexOf('\n', at);
      lines.push(text.slice(this.pos + indentation, line < 0 || line > end ? end : line));
    }
    while (lines.at(-1) === '') lines.pop();
    this.nextLine();
    if (this.column > column || lines.length === 0) throw notPlain;
    return { value: `${lines.join('\n')}${strip ? '' : '\n'}`, place };
  }

  private flow(parent: number): PlainDocument {
    if (++this.depth > depthMax) throw notPlain;
    const read = this.code() === brace ? this.flowMapping(parent) : this.flowSequence(parent);
    this.depth--;
    return read;
  }

  private flowMapping(parent: number): PlainDocument {
    const place = { offset: this.pos++, keys: [] as string[], keyOffsets: [] as number[], values: [] as Place[] };
    const value: Record<string, unknown> = {};
    for (;;) {
      if (this.flowSpace(parent) === braceEnd) break;
      const keyOffset = this.pos;
      const quoted = this.code() === quote || this.code() === apostrophe;
      const key = quoted ? this.unquoted(this.quoteEnd()) : this.plainKey(this.flowSource());
      if (Object.hasOwn(value, key) || key === '<<' || key === '__proto__' || key.length > keyLengthMax) throw notPlain;
      if (this.flowSpace(parent) !== colon || this.text.slice(keyOffset, this.pos).includes('\n')) throw notPlain;
      this.pos++;
      // Behind a quoted key the colon needs no space, as in JSON.
      if (!quoted && !this.isBlank(this.pos)) throw notPlain;
      const read = this.flowNode(parent);
      value[key] = read.value;
      place.keys.push(key);
      place.keyOffsets.push(keyOffset);
      place.values.push(read.place);
      if (this.flowSpace(parent) === comma) this.pos++;
      else if (this.code() !== braceEnd) throw notPlain;
    }
    this.pos++;
    return { value, place };
  }

  private flowSequence(parent: number): PlainDocument {
    const place = { offset: this.pos++, items: [] as Place[] };
    const value: unknown[] = [];
    for (;;) {
      if (this.flowSpace(parent) === bracketEnd) break;
      const item = this.flowNode(parent);
      value.push(item.value);
      place.items.push(item.place);
      if (this.flowSpace(parent) === comma) this.pos++;
      else if (this.code() !== bracketEnd) throw notPlain;
    }
    this.pos++;
    return { value, place };
  }

  private flowNode(parent: number): PlainDocument {
    const code = this.flowSpace(parent);
    if (code === brace || code === bracket) return this.flow(parent);
    const offset = this.pos;
    if (code === quote || code === apostrophe) return { value: this.unquoted(this.quoteEnd()), place: { offset } };
    return { value: this.resolved(this.flowSource()), place: { offset } };
  }

  /** Spaces, line ends and comments; the next character. A further line has to be indented further than the parent. */
  private flowSpace(parent: number): number {
    for (;;) {
      while (this.code() === space) this.pos++;
      const code = this.code();
      if (this.pos >= this.end) throw notPlain;
      if (code === hash) {
        if (this.text.charCodeAt(this.pos - 1) !== space) throw notPlain;
        this.toNextLine();
      } else if (code === newline) this.pos++;
      else return code;
      this.nextLine();
      if (this.column <= parent) throw notPlain;
    }
  }

  /** A plain scalar between brackets. */
  private flowSource(): string {
    const { text, pos } = this;
    let at = pos;
    for (; at < this.end; at++) {
      const code = text.charCodeAt(at);
      if (code === comma || code === bracketEnd || code === braceEnd || code === newline) break;
      if (code === brace || code === bracket) throw notPlain;
      if (code === hash && text.charCodeAt(at - 1) === space) break;
      if (code === colon) {
        const next = this.code(at + 1);
        if (next === comma || next === bracketEnd || next === braceEnd) throw notPlain;
        if (next === space || next === newline) break;
      }
    }
    if (at === pos) throw notPlain; // nothing is there
    this.pos = at;
    while (text.charCodeAt(this.pos - 1) === space) this.pos--;
    // A scalar of several lines.
    if (this.code(at) === newline && this.goesOn(at)) throw notPlain;
    return text.slice(pos, this.pos);
  }

  private goesOn(at: number): boolean {
    let next = at;
    while (this.code(next) === space || (next < this.end && this.code(next) === newline)) next++;
    return ![comma, bracketEnd, braceEnd].includes(this.code(next));
  }
}
