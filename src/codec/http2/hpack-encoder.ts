// Encodes header blocks of one connection: RFC 7541. Writes straight into the output; what does not fit there goes to a buffer of its own.
import { writeLatin1 } from '#codec/http1/latin1';
import { entryOverheadBytes, type Field, type FieldName, fieldName } from './field.ts';
import { encodeHuffman, huffmanLength } from './huffman.ts';

/** What our table may grow to, however much the peer allows. */
const tableBytesMax = 4096;
const staticCount = 61;
/** Longer ones would push out too much for what they save. */
const indexedBytesMax = 1024;
/** A field of n characters takes at most n and this. */
const fieldOverheadMax = 16;

interface Entry {
  name: FieldName;
  value: string;
}

export class HpackEncoder {
  /** Where the block is written; it may be another one at the end than at `begin`. */
  buffer!: Buffer;
  position = 0;
  /** Oldest first; `evicted` of them are gone. Entries are numbered from the connection's beginning. */
  private entries: Entry[] = [];
  private evicted = 0;
  private bytes = 0;
  private limitBytes = tableBytesMax;
  /** The peer changed its limit: the lowest since the last block, to be told with the next. */
  private lowestLimitBytes = Number.POSITIVE_INFINITY;
  private readonly numbers = new Map<FieldName, Map<string, number>>();

  /** The peer's SETTINGS_HEADER_TABLE_SIZE. */
  setLimit(bytes: number): void {
    const limitBytes = Math.min(bytes, tableBytesMax);
    if (limitBytes === this.limitBytes) return;
    this.limitBytes = limitBytes;
    this.lowestLimitBytes = Math.min(this.lowestLimitBytes, limitBytes);
    this.evict(limitBytes);
  }

  /** A block begins at buffer[offset]. */
  begin(buffer: Buffer, offset: number): void {
    this.buffer = buffer;
    this.position = offset;
    if (this.lowestLimitBytes === Number.POSITIVE_INFINITY) return;
    if (this.lowestLimitBytes < this.limitBytes) this.integer(0x20, 5, this.lowestLimitBytes);
    this.integer(0x20, 5, this.limitBytes);
    this.lowestLimitBytes = Number.POSITIVE_INFINITY;
  }

  /** Adds a field by the name's text. Bound, so that it can be a visitor of heads. */
  readonly add = (name: string, value: string): void => this.addField(fieldName(name), value);

  addFields(fields: readonly Field[]): void {
    for (let i = 0; i < fields.length; i++) this.addField(fields[i]!.name, fields[i]!.value);
  }

  addField(name: FieldName, value: string): void {
    this.room(name.text.length + value.length + fieldOverheadMax);
    if (name.indexing === 'index') {
      const number = this.numbers.get(name)?.get(value);
      if (number !== undefined) {
        this.integer(0x80, 7, staticCount + this.evicted + this.entries.length - number);
        return;
      }
    }
    const known = name.staticValues.get(value);
    if (known !== undefined) this.integer(0x80, 7, known);
    else if (name.indexing === 'never') this.literal(0x10, 4, name, value, false);
    else if (name.indexing === 'literal') this.literal(0x00, 4, name, value, false);
    else this.addIndexed(name, value);
  }

  private addIndexed(name: FieldName, value: string): void {
    const bytes = sizeOf(name, value);
    if (bytes > indexedBytesMax || bytes > this.limitBytes) {
      this.literal(0x00, 4, name, value, false);
      return;
    }
    // Worth the time of coding: it is sent once, and named by its number from then on.
    this.literal(0x40, 6, name, value, true);
    this.evict(this.limitBytes - bytes);
    let values = this.numbers.get(name);
    if (values === undefined) this.numbers.set(name, (values = new Map()));
    values.set(value, this.evicted + this.entries.length);
    this.entries.push({ name, value });
    this.bytes += bytes;
  }

  private evict(bytesLeft: number): void {
    let gone = 0;
    while (this.bytes > bytesLeft) {
      const { name, value } = this.entries[gone++]!;
      const values = this.numbers.get(name)!;
      values.delete(value);
      if (values.size === 0) this.numbers.delete(name);
      this.bytes -= sizeOf(name, value);
    }
    if (gone > 0) this.entries.splice(0, gone);
    this.evicted += gone;
  }

  private literal(pattern: number, prefixBits: number, name: FieldName, value: string, coded: boolean): void {
    this.integer(pattern, prefixBits, name.staticIndex);
    if (name.staticIndex === 0) this.string(name.text, coded);
    this.string(value, coded);
  }

  private string(text: string, coded: boolean): void {
    const { length } = text;
    const codedLength = coded ? huffmanLength(text) : length;
    if (codedLength < length) {
      this.integer(0x80, 7, codedLength);
      this.position = encodeHuffman(text, this.buffer, this.position);
      return;
    }
    this.integer(0x00, 7, length);
    const { buffer, position } = this;
    // A short string is copied faster here than there.
    if (length < 40) for (let i = 0; i < length; i++) buffer[position + i] = text.charCodeAt(i);
    else writeLatin1(text, buffer, position);
    this.position = position + length;
  }

  private integer(pattern: number, prefixBits: number, value: number): void {
    const mask = (1 << prefixBits) - 1;
    const { buffer } = this;
    if (value < mask) {
      buffer[this.position++] = pattern | value;
      return;
    }
    buffer[this.position++] = pattern | mask;
    let left = value - mask;
    for (; left >= 128; left >>>= 7) buffer[this.position++] = (left & 127) | 128;
    buffer[this.position++] = left;
  }

  private room(bytes: number): void {
    if (this.position + bytes <= this.buffer.length) return;
    const larger = Buffer.allocUnsafe((this.position + bytes) * 2);
    this.buffer.copy(larger, 0, 0, this.position);
    this.buffer = larger;
  }
}

function sizeOf(name: FieldName, value: string): number {
  return name.text.length + value.length + entryOverheadBytes;
}
