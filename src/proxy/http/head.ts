// The head of a message as routing and filters see it, whatever the protocol: HTTP/1's keeps the bytes that came (raw-head.ts), one
// that the proxy makes itself is a list (FieldHead).

import type { Field, FieldName } from '#codec/http2/field';
import { headerValue } from '#proxy/route/route-match';

/** In lower case; a name that is asked for in every message costs no search for its object when it is that object. */
export type HeaderName = string | FieldName;

export interface Head {
  /** The value, joined with commas when there are several lines; undefined when absent. */
  header(name: HeaderName): string | undefined;
  has(name: HeaderName): boolean;
  /** Replaces every line of that name. */
  set(name: string, value: string): void;
  /** Adds a line behind those that are there. */
  append(name: string, value: string): void;
  /** `set` and `append` with a field that many messages share: what it takes to write it was done once. */
  setField(field: Field): void;
  appendField(field: Field): void;
  remove(name: HeaderName): void;
  /** Every header in order; names in lower case. */
  forEach(visit: (name: string, value: string) => void): void;
}

export interface RequestHead extends Head {
  readonly method: string;
  /** With the query; may be rewritten. */
  path: string;
  /** With the port, as sent; may be rewritten. Not among the headers: `header('host')` is undefined. */
  authority: string;
  /** As the URI says it: `http` or `https`. */
  scheme: string;
  /** The protocol asked for by an upgrade, in lower case (`websocket`), or empty. */
  readonly upgrade: string;
}

export interface ResponseHead extends Head {
  readonly status: number;
  /** Of a 101: what was switched to, as sent; else empty. */
  readonly upgrade: string;
}

export function textOf(name: HeaderName): string {
  return typeof name === 'string' ? name : name.text;
}

/** Trailers, or any other plain sequence. */
export type FieldList = readonly (readonly [name: string, value: string])[];

/** Headers in a list. */
abstract class Fields implements Head {
  private fields: [string, string][];

  constructor(fields: FieldList) {
    this.fields = fields.map(([name, value]) => [name, value]);
  }

  header(name: HeaderName): string | undefined {
    const text = textOf(name);
    const values = this.fields.filter((field) => field[0] === text);
    return values.length === 0 ? undefined : values.map((field) => field[1]).join(',');
  }

  has(name: HeaderName): boolean {
    const text = textOf(name);
    return this.fields.some((field) => field[0] === text);
  }

  set(name: string, value: string): void {
    this.remove(name);
    this.append(name, value);
  }

  append(name: string, value: string): void {
    this.fields.push([name, value]);
  }

  setField({ name, value }: Field): void {
    this.set(name.text, value);
  }

  appendField({ name, value }: Field): void {
    this.append(name.text, value);
  }

  remove(name: HeaderName): void {
    const text = textOf(name);
    this.fields = this.fields.filter((field) => field[0] !== text);
  }

  forEach(visit: (name: string, value: string) => void): void {
    for (const [name, value] of this.fields) visit(name, value);
  }
}

/** A response made here. */
export class FieldHead extends Fields implements ResponseHead {
  readonly upgrade = '';

  constructor(
    readonly status: number,
    fields: FieldList = [],
  ) {
    super(fields);
  }
}

/** A request made here. */
export class FieldRequestHead extends Fields implements RequestHead {
  readonly upgrade = '';

  constructor(
    readonly method: string,
    public authority: string,
    public path: string,
    fields: FieldList,
    public scheme = 'http',
  ) {
    super(fields);
  }
}

/** As routes look at headers; `host`, which is not among them, is the authority. */
export function fieldOf(request: RequestHead, name: string): string | undefined {
  return headerValue(request, name === 'host' ? ':authority' : name);
}
