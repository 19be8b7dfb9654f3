// A head of HTTP/2 behind the neutral interface: its fields in a list, as HPACK gave them, so that those that repeat are shared objects.
// Encoding it as HTTP/2 again looks up no name; as HTTP/1, adds up lines that were made before.
import { Field, fieldName } from '#codec/http2/field';
import type { HpackEncoder } from '#codec/http2/hpack-encoder';
import type { MessageHead } from '#codec/http2/message';
import { type Head, type HeaderName, type RequestHead, type ResponseHead, textOf } from '#proxy/http/head';

export abstract class ListedHead implements Head {
  constructor(protected fields: Field[]) {}

  header(name: HeaderName): string | undefined {
    const text = textOf(name);
    let value: string | undefined;
    for (const field of this.fields) {
      if (field.name.text === text) value = value === undefined ? field.value : `${value},${field.value}`;
    }
    return value;
  }

  has(name: HeaderName): boolean {
    const text = textOf(name);
    for (const field of this.fields) if (field.name.text === text) return true;
    return false;
  }

  set(name: string, value: string): void {
    this.remove(name);
    this.append(name, value);
  }

  append(name: string, value: string): void {
    this.fields.push(new Field(fieldName(name), value));
  }

  setField(field: Field): void {
    this.remove(field.name);
    this.fields.push(field);
  }

  appendField(field: Field): void {
    this.fields.push(field);
  }

  remove(name: HeaderName): void {
    const text = textOf(name);
    for (let i = this.fields.length - 1; i >= 0; i--) if (this.fields[i]!.name.text === text) this.fields.splice(i, 1);
  }

  forEach(visit: (name: string, value: string) => void): void {
    for (const { name, value } of this.fields) visit(name.text, value);
  }

  encodeFields(encoder: HpackEncoder): void {
    encoder.addFields(this.fields);
  }

  /** Every field as a line of HTTP/1. */
  lines(): string {
    let out = '';
    for (const field of this.fields) out += field.line;
    return out;
  }
}

export class ListedRequestHead extends ListedHead implements RequestHead {
  readonly method: string;
  path: string;
  authority: string;
  scheme: string;
  readonly upgrade: string;

  constructor(head: MessageHead) {
    super(head.fields);
    // An extended CONNECT is the upgrade of HTTP/1 by another name, and every protocol but HTTP/2 knows it by that one: RFC 8441.
    const extended = head.protocol !== '';
    this.method = extended ? 'GET' : head.method;
    this.path = head.path;
    this.authority = head.authority;
    this.scheme = head.scheme === '' ? 'http' : head.scheme;
    this.upgrade = extended ? head.protocol.toLowerCase() : head.method === 'CONNECT' ? 'connect' : '';
    this.joinCookies();
  }

  /** Cookies may come in crumbs, which others do not know: RFC 9113 section 8.2.3. */
  private joinCookies(): void {
    let crumbs = 0;
    for (const field of this.fields) if (field.name.text === 'cookie') crumbs++;
    if (crumbs < 2) return;
    const cookie = this.fields.filter(({ name }) => name.text === 'cookie').map(({ value }) => value);
    this.set('cookie', cookie.join('; '));
  }
}

export class ListedResponseHead extends ListedHead implements ResponseHead {
  /** `status`: as HTTP/1 has it; the success of an extended CONNECT is 101, and `upgrade` its protocol. */
  constructor(
    fields: Field[],
    readonly status: number,
    readonly upgrade: string,
  ) {
    super(fields);
  }
}

/** Any request without a body, as HTTP/2 would have brought it. */
export function listed(head: RequestHead): MessageHead {
  const { method, scheme, authority, path } = head;
  const fields: Field[] = [];
  head.forEach((name, value) => void fields.push(new Field(fieldName(name), value)));
  return { fields, method, scheme, authority, path, protocol: '', status: 0, contentLength: -1 };
}

/** Adds the fields of any head to a block, in order. */
export function encodeFields(encoder: HpackEncoder, head: Head): void {
  if (head instanceof ListedHead) head.encodeFields(encoder);
  else head.forEach(encoder.add);
}
