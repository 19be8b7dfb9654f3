// A header field as HPACK and the rules of HTTP/2 see it: a name that is examined once, a value. The decoder's table holds such fields,
// so what repeats from message to message is one object.
import { type FieldKey, fieldKey } from '#codec/http1/field-names';
import { staticFields } from './static-table.ts';

/** `never`: no hop may keep it in a table, or bytes of it could be guessed by trying (RFC 7541 section 7.1). */
export type Indexing = 'index' | 'literal' | 'never';

/** Rarely twice the same: they would only push others out of the table. */
const literalNames = new Set([':path', 'content-length', 'x-request-id', 'traceparent', 'x-b3-spanid', 'x-b3-traceid', 'etag', 'location']);
const neverNames = new Set(['authorization', 'proxy-authorization', 'cookie', 'set-cookie']);

/** RFC 9113 section 8.2.2: what belongs to a connection of HTTP/1. `te` is looked at by value. */
const connectionNames = new Set(['connection', 'keep-alive', 'proxy-connection', 'transfer-encoding', 'upgrade']);

/** Control characters never; a space or tab neither first nor last: RFC 9113 section 8.2.1. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for.
const badValue = /[\x00-\x08\x0a-\x1f\x7f]|^[ \t]|[ \t]$/;

const lowerToken = /^[!#$%&'*+.^_`|~0-9a-z-]+$/;

export class FieldName {
  readonly pseudo: boolean;
  /** A token in lower case, or something behind a colon. */
  readonly valid: boolean;
  readonly connectionSpecific: boolean;
  readonly indexing: Indexing;
  /** What heads of HTTP/1 look it up by. */
  readonly key: FieldKey;
  /** Values of this name in the static table, with their index. */
  readonly staticValues = new Map<string, number>();

  /** `staticIndex`: the lowest index of the static table with this name; 0: it is not there. */
  constructor(
    readonly text: string,
    readonly staticIndex: number,
  ) {
    this.pseudo = text.charCodeAt(0) === 58;
    this.valid = lowerToken.test(this.pseudo ? text.slice(1) : text);
    this.connectionSpecific = connectionNames.has(text);
    this.key = fieldKey(text);
    this.indexing = neverNames.has(text) ? 'never' : literalNames.has(text) ? 'literal' : 'index';
  }
}

/** Beside its bytes an entry counts 32: RFC 7541 section 4.1. */
export const entryOverheadBytes = 32;

export class Field {
  private http1Line: string | undefined;
  private sound: boolean | undefined;

  constructor(
    readonly name: FieldName,
    readonly value: string,
  ) {}

  get size(): number {
    return this.name.text.length + this.value.length + entryOverheadBytes;
  }

  /** Whether the value may stand in a message; looked at once for a field that is in a table. */
  get valid(): boolean {
    return (this.sound ??= !badValue.test(this.value));
  }

  /** As HTTP/1 writes it; made once for a field that is in a table. */
  get line(): string {
    return (this.http1Line ??= `${this.name.text}: ${this.value}\r\n`);
  }
}

const names = new Map<string, FieldName>();
const namesMax = 4096;

/** The name's one object, as far as they are remembered. */
export function fieldName(text: string): FieldName {
  let name = names.get(text);
  if (name === undefined) {
    name = new FieldName(text, 0);
    if (names.size < namesMax && text.length <= 64) names.set(text, name);
  }
  return name;
}

/** By static index; there is none at 0. */
export const staticTable: readonly (Field | undefined)[] = [
  undefined,
  ...staticFields.map(([text, value], i) => {
    const name = names.get(text) ?? new FieldName(text, i + 1);
    names.set(text, name);
    if (value !== '') name.staticValues.set(value, i + 1);
    return new Field(name, value);
  }),
];
