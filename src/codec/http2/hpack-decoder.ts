// Decodes header blocks of one connection: RFC 7541. Its table is bounded by what we announced, a block's fields by the caller's limits.
import { latin1 } from '#codec/http1/latin1';
import { Field, fieldName, staticTable } from './field.ts';
import { decodedBytesMax, decodeHuffman } from './huffman.ts';

/** Integers above this are an attack, or a mistake: no table, no string is that long. */
const integerMax = 1 << 24;

export interface HeaderListLimits {
  /** Of all fields by RFC 7541's count (32 bytes more than it has, a field). */
  readonly headerListBytesMax: number;
  readonly headersMax: number;
}

/** `excess`: the list broke a limit; its fields are lost, but the table is right and the connection can go on. */
export type DecodedBlock = { readonly kind: 'fields'; readonly fields: Field[] } | { readonly kind: 'excess' | 'invalid' };

const invalid: DecodedBlock = { kind: 'invalid' };
const excess: DecodedBlock = { kind: 'excess' };
const staticCount = staticTable.length - 1;

export class HpackDecoder {
  private readonly table: DynamicTable;
  /** Where the integer or string read last ended; -1: it was malformed. */
  private next = 0;
  private scratch: Buffer | undefined;

  /** `tableBytesMax`: what SETTINGS_HEADER_TABLE_SIZE announced. */
  constructor(private readonly tableBytesMax = 4096) {
    this.table = new DynamicTable(tableBytesMax);
  }

  /** Decodes the whole block buffer[start, end). */
  decode(buffer: Buffer, start: number, end: number, limits: HeaderListLimits): DecodedBlock {
    const fields: Field[] = [];
    let bytes = 0;
    let count = 0;
    let sizeMayChange = true;
    let i = start;
    while (i < end) {
      const first = buffer[i]!;
      if ((first & 0xe0) === 0x20) {
        const size = this.integer(buffer, i, end, 5);
        // RFC 7541 section 4.2: only at the beginning, never above what was announced.
        if (this.next < 0 || !sizeMayChange || size > this.tableBytesMax) return invalid;
        this.table.resize(size);
        i = this.next;
        continue;
      }
      sizeMayChange = false;
      const field = (first & 0x80) !== 0 ? this.indexed(buffer, i, end) : this.literal(buffer, i, end, first);
      if (field === undefined) return invalid;
      i = this.next;
      bytes += field.size;
      // A few bytes can name a large entry again and again: they are counted, not gathered.
      if (++count <= limits.headersMax && bytes <= limits.headerListBytesMax) fields.push(field);
    }
    return count > limits.headersMax || bytes > limits.headerListBytesMax ? excess : { kind: 'fields', fields };
  }

  private indexed(buffer: Buffer, i: number, end: number): Field | undefined {
    const index = this.integer(buffer, i, end, 7);
    return this.next < 0 ? undefined : this.entry(index);
  }

  private literal(buffer: Buffer, i: number, end: number, first: number): Field | undefined {
    const keep = (first & 0x40) !== 0;
    const index = this.integer(buffer, i, end, keep ? 6 : 4);
    if (this.next < 0) return undefined;
    let name = index === 0 ? undefined : this.entry(index)?.name;
    if (name === undefined) {
      if (index !== 0) return undefined;
      const text = this.string(buffer, this.next, end);
      if (text === undefined) return undefined;
      name = fieldName(text);
    }
    const value = this.string(buffer, this.next, end);
    if (value === undefined) return undefined;
    const field = new Field(name, value);
    if (keep) this.table.add(field);
    return field;
  }

  private entry(index: number): Field | undefined {
    return index <= staticCount ? staticTable[index] : this.table.get(index - staticCount - 1);
  }

  private string(buffer: Buffer, i: number, end: number): string | undefined {
    if (i >= end) return undefined;
    const coded = (buffer[i]! & 0x80) !== 0;
    const length = this.integer(buffer, i, end, 7);
    const from = this.next;
    if (from < 0 || from + length > end) return undefined;
    this.next = from + length;
    if (!coded) return length === 0 ? '' : latin1(buffer, from, this.next);
    return decodeHuffman(buffer, from, this.next, this.room(decodedBytesMax(length)));
  }

  private room(bytes: number): Buffer {
    if (this.scratch === undefined || this.scratch.length < bytes) this.scratch = Buffer.allocUnsafe(Math.max(bytes, 256));
    return this.scratch;
  }

  /** RFC 7541 section 5.1, with a prefix of so many bits. */
  private integer(buffer: Buffer, i: number, end: number, prefixBits: number): number {
    const mask = (1 << prefixBits) - 1;
    let value = buffer[i]! & mask;
    let at = i + 1;
    if (value === mask) {
      let shift = 0;
      let byte: number;
      do {
        if (at >= end || value > integerMax || shift > 21) return (this.next = -1);
        byte = buffer[at++]!;
        value += (byte & 127) << shift;
        shift += 7;
      } while (byte >= 128);
    }
    this.next = at;
    return value;
  }
}

/** The entries of a connection in a ring, newest first: RFC 7541 section 4. */
class DynamicTable {
  private ring: (Field | undefined)[] = new Array(16);
  private newest = 0;
  private count = 0;
  private bytes = 0;

  constructor(private bytesMax: number) {}

  get(age: number): Field | undefined {
    return age < this.count ? this.ring[(this.newest - age) & (this.ring.length - 1)] : undefined;
  }

  add(field: Field): void {
    this.evict(this.bytesMax - field.size);
    // An entry larger than the table leaves it empty.
    if (field.size > this.bytesMax) return;
    if (this.count === this.ring.length) this.grow();
    this.newest = (this.newest + 1) & (this.ring.length - 1);
    this.ring[this.newest] = field;
    this.count++;
    this.bytes += field.size;
  }

  resize(bytesMax: number): void {
    this.bytesMax = bytesMax;
    this.evict(bytesMax);
  }

  private evict(bytesLeft: number): void {
    while (this.count > 0 && this.bytes > bytesLeft) {
      const oldest = (this.newest - this.count + 1) & (this.ring.length - 1);
      this.bytes -= this.ring[oldest]!.size;
      this.ring[oldest] = undefined;
      this.count--;
    }
  }

  private grow(): void {
    const entries = Array.from({ length: this.count }, (_, i) => this.get(this.count - 1 - i));
    this.ring = [...entries, ...new Array<undefined>(entries.length)];
    this.newest = this.count - 1;
  }
}
