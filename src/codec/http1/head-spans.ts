// Where the parts of an HTTP/1 head are: offsets into its text. Filled by parse-head.ts in one pass, reused for head after head.
import { type FieldKey, knownCount, unknownField } from './field-names.ts';

const firstCapacity = 32;

export class HeadSpans {
  /** The head as it came, from the first byte of the start line to the empty line's end; one character a byte. */
  text = '';
  /** Number of field lines. */
  count = 0;
  /** HTTP/1.`minor`. */
  minor = 1;
  /** Of a request; the target is text[targetStart, targetEnd). */
  methodEnd = 0;
  targetEnd = 0;
  /** Of a response. */
  status = 0;
  /** Per line four offsets: of the line, of its name's end, of its value's start and end. The line behind the last has the first. */
  offsets = new Int32Array((firstCapacity + 1) * 4);
  hash = new Int32Array(firstCapacity);
  id = new Int8Array(firstCapacity);
  /** Known name -> its first line, or -1; and how many lines it has. */
  readonly first = new Int16Array(knownCount).fill(-1);
  readonly times = new Uint16Array(knownCount);
  /** Bytes of the head that are parsed for good, so that a head that drips in is not parsed again and again. */
  parsed = 0;

  reset(): void {
    // Only what was set: cheaper than to fill two arrays.
    for (let line = 0; line < this.count; line++) {
      const id = this.id[line]!;
      if (id === unknownField) continue;
      this.first[id] = -1;
      this.times[id] = 0;
    }
    this.text = '';
    this.count = 0;
    this.parsed = 0;
  }

  /** Room for twice as many lines; returns itself, whose arrays are new. */
  grow(): this {
    const capacity = this.hash.length * 2;
    const { offsets, hash, id } = this;
    this.offsets = new Int32Array((capacity + 1) * 4);
    this.offsets.set(offsets);
    this.hash = new Int32Array(capacity);
    this.hash.set(hash);
    this.id = new Int8Array(capacity);
    this.id.set(id);
    return this;
  }

  /** `line` has the known name `id`. */
  mark(line: number, id: number): void {
    this.id[line] = id;
    if (this.times[id]!++ === 0) this.first[id] = line;
  }

  method(): string {
    const { text, methodEnd } = this;
    // Of the usual ones the constant, which is compared with others by its address.
    if (methodEnd === 3 && text.startsWith('GET')) return 'GET';
    if (methodEnd === 4 && text.startsWith('POST')) return 'POST';
    return text.slice(0, methodEnd);
  }

  target(): string {
    return this.text.slice(this.methodEnd + 1, this.targetEnd);
  }

  /** Of line `line`, or with `line === count` the end of the last. */
  lineStart(line: number): number {
    return this.offsets[line * 4]!;
  }

  /** In lower case. */
  name(line: number): string {
    return this.text.slice(this.offsets[line * 4], this.offsets[line * 4 + 1]).toLowerCase();
  }

  value(line: number): string {
    return this.text.slice(this.offsets[line * 4 + 2], this.offsets[line * 4 + 3]);
  }

  /** The first line at or after `from` with this name, or -1. */
  find(key: FieldKey, from = 0): number {
    const { id, name } = key;
    if (id !== unknownField) {
      const first = this.first[id]!;
      if (first >= from || first < 0) return first;
      if (this.times[id] === 1) return -1;
    }
    const { hash, offsets, count } = this;
    for (let line = from; line < count; line++) {
      if (hash[line] !== key.hash || offsets[line * 4 + 1]! - offsets[line * 4]! !== name.length) continue;
      if (this.name(line) === name) return line;
    }
    return -1;
  }

  /** The value of a known name's first line; undefined when it is absent. */
  known(id: number): string | undefined {
    const line = this.first[id]!;
    return line < 0 ? undefined : this.value(line);
  }
}
