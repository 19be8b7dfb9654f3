// Where the parts of an HTTP/1 head are: offsets into its text. Filled by parse-head.ts in one pass, reused for head after head.
import { fieldKey, knownCount, unknownField } from './field-names.ts';

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
  /** Per line; `lineStart` has one more: the end of the last line. */
  lineStart = new Int32Array(firstCapacity + 1);
  nameEnd = new Int32Array(firstCapacity);
  valueStart = new Int32Array(firstCapacity);
  valueEnd = new Int32Array(firstCapacity);
  hash = new Int32Array(firstCapacity);
  id = new Int8Array(firstCapacity);
  /** Known name -> its first line, or -1; and how many lines it has. */
  readonly first = new Int16Array(knownCount).fill(-1);
  readonly times = new Uint16Array(knownCount);
  /** Bytes of the head that are parsed for good, so that a head that drips in is not parsed again and again. */
  parsed = 0;

  reset(): void {
    this.text = '';
    this.count = 0;
    this.parsed = 0;
    this.first.fill(-1);
    this.times.fill(0);
  }

  get capacity(): number {
    return this.nameEnd.length;
  }

  grow(): void {
    const capacity = this.capacity * 2;
    this.lineStart = widen(this.lineStart, capacity + 1);
    this.nameEnd = widen(this.nameEnd, capacity);
    this.valueStart = widen(this.valueStart, capacity);
    this.valueEnd = widen(this.valueEnd, capacity);
    this.hash = widen(this.hash, capacity);
    const id = new Int8Array(capacity);
    id.set(this.id);
    this.id = id;
  }

  method(): string {
    return this.text.slice(0, this.methodEnd);
  }

  target(): string {
    return this.text.slice(this.methodEnd + 1, this.targetEnd);
  }

  /** In lower case. */
  name(line: number): string {
    return this.text.slice(this.lineStart[line], this.nameEnd[line]).toLowerCase();
  }

  value(line: number): string {
    return this.text.slice(this.valueStart[line], this.valueEnd[line]);
  }

  /** The first line at or after `from` whose name is `name` (lower case), or -1. */
  find(name: string, from = 0): number {
    const key = fieldKey(name);
    if (key.id !== unknownField && from === 0) return this.first[key.id]!;
    for (let line = from; line < this.count; line++) {
      if (this.hash[line] === key.hash && this.nameEnd[line]! - this.lineStart[line]! === name.length && this.name(line) === name)
        return line;
    }
    return -1;
  }

  /** The value of a known name's only line; undefined when it is absent. */
  known(id: number): string | undefined {
    const line = this.first[id]!;
    return line < 0 ? undefined : this.value(line);
  }
}

function widen(from: Int32Array<ArrayBuffer>, capacity: number): Int32Array<ArrayBuffer> {
  const to = new Int32Array(capacity);
  to.set(from);
  return to;
}
