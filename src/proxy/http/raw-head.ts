// An HTTP/1 head behind the neutral interface: the text that came, which lines were taken out, which were added. Encoding it as
// HTTP/1 again passes the untouched lines through in spans, without looking at them.
import { type FieldKey, fieldId, fieldKey, isHopByHop } from '#codec/http1/field-names';
import { HeadSpans } from '#codec/http1/head-spans';
import { Field, fieldName } from '#codec/http2/field';
import type { Head, HeaderName, RequestHead, ResponseHead } from './head.ts';

const kept = 0;
const gone = 1;
const apart = 2;

export abstract class RawHead implements Head {
  readonly spans = new HeadSpans();
  /** Per line: `kept`, `gone`, or `apart`. */
  private fate = new Uint8Array(32);
  private anyGone = false;
  /** Only the first `addedCount` count: the rest is of heads before, whose place is taken again. */
  private readonly added: Field[] = [];
  private addedCount = 0;

  /** After the spans were filled anew. `options`: their `connectionOptions`. */
  protected begin(options: readonly string[]): void {
    const { spans } = this;
    if (this.fate.length < spans.count) this.fate = new Uint8Array(spans.hash.length);
    this.anyGone = false;
    // What belongs to the hop goes: the fixed names, and those that `connection` lists.
    for (let line = 0; line < spans.count; line++) {
      const hop = isHopByHop(spans.id[line]!);
      this.fate[line] = hop ? gone : kept;
      if (hop) this.anyGone = true;
    }
    this.addedCount = 0;
    for (const name of options) if (name !== 'close' && name !== 'keep-alive') this.remove(name);
  }

  header(name: HeaderName): string | undefined {
    const { spans, added, addedCount } = this;
    const key = keyOf(name);
    let value: string | undefined;
    for (let line = spans.find(key); line >= 0; line = spans.find(key, line + 1)) {
      if (this.fate[line] === kept) value = value === undefined ? spans.value(line) : `${value},${spans.value(line)}`;
    }
    for (let i = 0; i < addedCount; i++) {
      const field = added[i]!;
      if (field.name.text === key.name) value = value === undefined ? field.value : `${value},${field.value}`;
    }
    return value;
  }

  has(name: HeaderName): boolean {
    const { spans, added, addedCount } = this;
    const key = keyOf(name);
    for (let line = spans.find(key); line >= 0; line = spans.find(key, line + 1)) if (this.fate[line] === kept) return true;
    for (let i = 0; i < addedCount; i++) if (added[i]!.name.text === key.name) return true;
    return false;
  }

  set(name: string, value: string): void {
    this.setField(new Field(fieldName(name), value));
  }

  append(name: string, value: string): void {
    this.appendField(new Field(fieldName(name), value));
  }

  setField(field: Field): void {
    this.removeKey(field.name.key);
    this.appendField(field);
  }

  appendField(field: Field): void {
    this.added[this.addedCount++] = field;
  }

  remove(name: HeaderName): void {
    this.removeKey(keyOf(name));
  }

  private removeKey(key: FieldKey): void {
    const { spans, added, addedCount } = this;
    for (let line = spans.find(key); line >= 0; line = spans.find(key, line + 1)) {
      if (this.fate[line] === apart) continue;
      this.fate[line] = gone;
      this.anyGone = true;
    }
    let left = 0;
    for (let i = 0; i < addedCount; i++) {
      const field = added[i]!;
      if (field.name.text === key.name) continue;
      if (left < i) added[left] = field;
      left++;
    }
    this.addedCount = left;
  }

  forEach(visit: (name: string, value: string) => void): void {
    for (let line = 0; line < this.spans.count; line++) {
      if (this.fate[line] === kept) visit(this.spans.name(line), this.spans.value(line));
    }
    for (let i = 0; i < this.addedCount; i++) visit(this.added[i]!.name.text, this.added[i]!.value);
  }

  /** Every header as HTTP/1 lines, behind the start line as it came if that is asked for, and with the line that is apart or without. */
  encode(withStartLine: boolean, withApart: boolean): string {
    const { spans } = this;
    let out = '';
    let from = withStartLine ? 0 : spans.lineStart(0);
    if (this.anyGone || !withApart) {
      for (let line = 0; line < spans.count; line++) {
        const fate = this.fate[line]!;
        if (fate === kept || (fate === apart && withApart)) continue;
        out += spans.text.slice(from, spans.lineStart(line));
        from = spans.lineStart(line + 1);
      }
    }
    out += spans.text.slice(from, spans.lineStart(spans.count));
    for (let i = 0; i < this.addedCount; i++) out += this.added[i]!.line;
    return out;
  }

  /** The line is no header to others, but may be sent as it is. */
  protected setApart(line: number): void {
    this.fate[line] = apart;
  }
}

function keyOf(name: HeaderName): FieldKey {
  return typeof name === 'string' ? fieldKey(name) : name.key;
}

/** The words of all `connection` lines, in lower case. */
export function connectionOptions(spans: HeadSpans): readonly string[] {
  const times = spans.times[fieldId['connection']]!;
  if (times === 0) return noOptions;
  const first = spans.known(fieldId['connection'])!;
  let value = first;
  if (times > 1) {
    for (let line = spans.first[fieldId['connection']]! + 1; line < spans.count; line++) {
      if (spans.id[line] === fieldId['connection']) value += `,${spans.value(line)}`;
    }
  }
  // The two values that nearly every message has cost no split.
  if (value === 'keep-alive' || value === 'Keep-Alive') return keepAliveOnly;
  return value
    .toLowerCase()
    .split(',')
    .map((word) => word.trim())
    .filter((word) => word !== '');
}

const noOptions: readonly string[] = [];
const keepAliveOnly: readonly string[] = ['keep-alive'];

interface RequestTarget {
  method: string;
  path: string;
  authority: string;
  scheme: string;
  upgrade: string;
  /** Path and authority are the request line's and the host line's own. */
  originForm: boolean;
}

export class RawRequestHead extends RawHead implements RequestHead {
  method = '';
  path = '';
  authority = '';
  scheme = 'http';
  upgrade = '';

  /** The target and the host as they came. */
  private target = '';
  private host = '';

  /**
   * `spans` hold a head that accept-request.ts has checked, with these `connectionOptions`. Takes the hop's headers out, and `host`, which is
   * `authority` now.
   */
  accept(target: RequestTarget, options: readonly string[]): void {
    this.begin(options);
    this.method = target.method;
    this.path = target.path;
    this.authority = target.authority;
    this.scheme = target.scheme;
    this.upgrade = target.upgrade;
    const host = this.spans.first[fieldId['host']]!;
    if (host >= 0) this.setApart(host);
    // Absolute and authority form are never passed on; no path is empty, so neither equals this.
    this.target = target.originForm ? target.path : '';
    this.host = host >= 0 ? target.authority : '';
  }

  /** Start line and headers as HTTP/1.1; what is as it came is passed through. */
  encodeHead(): string {
    const asItCame = this.path === this.target && this.authority === this.host && this.spans.minor === 1;
    if (asItCame) return this.encode(true, true);
    return `${this.method} ${this.path} HTTP/1.1\r\nhost: ${this.authority}\r\n${this.encode(false, false)}`;
  }
}

/** Of a request that could not be parsed: nothing of it is to be believed. */
export function clearRequestHead(head: RawRequestHead): void {
  head.spans.reset();
  head.accept({ method: '', path: '', authority: '', scheme: 'http', upgrade: '', originForm: false }, noOptions);
}

export class RawResponseHead extends RawHead implements ResponseHead {
  status = 0;
  /** `upgrade` of a 101. */
  upgrade = '';

  /** `options`: the `connectionOptions` of its spans. */
  accept(options: readonly string[]): void {
    this.begin(options);
    this.status = this.spans.status;
    this.upgrade = this.status === 101 ? (this.spans.known(fieldId['upgrade']) ?? '') : '';
  }
}
