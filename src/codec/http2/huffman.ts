// The Huffman code of HPACK, both ways. RFC 7541 section 5.2 and appendix B.
import { latin1 } from '#codec/http1/latin1';

/**
 * The length in bits of each symbol's code, one base-36 digit a symbol: bytes 0 to 255, then the end of string. The code is canonical
 * (codes count up in order of length, then of symbol), so the lengths are all there is to know.
 */
const lengthDigits =
  'dnsssssssoussussssssssusssssssss6aacd68baa8b8666555666666678f6cad67777777777777777777777878djde6f56565666577666567655677777fbeds' +
  'kmkkmmmnmnnnnnonoomnonnnnlmnmnnomlkmmnnlnmmolmnnllmlnmnnkmmmnmmnqqkjmnmpqqqrrqopjlqrrqrollqqsrrrkoklmllnmmppooqnqrqqrrrrrsrrrrrqu';

const endOfString = 256;
const lengths = Uint8Array.from(lengthDigits, (digit) => Number.parseInt(digit, 36));
const codes = canonicalCodes();

function canonicalCodes(): Uint32Array {
  const inOrder = [...lengths.keys()].sort((a, b) => lengths[a]! - lengths[b]! || a - b);
  const assigned = new Uint32Array(lengths.length);
  let code = 0;
  let length = 0;
  for (const symbol of inOrder) {
    code = (code << (lengths[symbol]! - length)) >>> 0;
    length = lengths[symbol]!;
    assigned[symbol] = code++;
  }
  return assigned;
}

// The decoder walks the code's tree four bits at a time. Its states are the 256 inner nodes: entry `state * 16 + bits` tells the next.
const invalid = -1;
const noSymbol = -1;
const nextState = new Int16Array(256 * 16);
const symbolOf = new Int16Array(256 * 16).fill(noSymbol);
/** States that a string may end in: at most seven bits of padding, all of them ones. */
const mayEnd = new Uint8Array(256);
fillTables();

function fillTables(): void {
  const tree = codeTree();
  for (let state = 0; state < 256; state++) {
    for (let bits = 0; bits < 16; bits++) {
      let node = state;
      for (let bit = 3; bit >= 0 && node !== invalid; bit--) {
        const to = tree[node]![(bits >> bit) & 1]!;
        if (to >= 0) {
          node = to;
        } else if (-1 - to === endOfString) {
          node = invalid;
        } else {
          symbolOf[state * 16 + bits] = -1 - to;
          node = 0;
        }
      }
      nextState[state * 16 + bits] = node;
    }
  }
  let node = 0;
  for (let ones = 0; ones < 8; ones++) {
    mayEnd[node] = 1;
    node = tree[node]![1];
  }
}

/** Inner nodes by number, 0 the root; a leaf is -1 - symbol. */
function codeTree(): [number, number][] {
  const tree: [number, number][] = [[0, 0]];
  for (let symbol = 0; symbol < lengths.length; symbol++) {
    let node = 0;
    for (let bit = lengths[symbol]! - 1; bit > 0; bit--) {
      const side = ((codes[symbol]! >>> bit) & 1) as 0 | 1;
      if (tree[node]![side] === 0) {
        tree.push([0, 0]);
        tree[node]![side] = tree.length - 1;
      }
      node = tree[node]![side];
    }
    tree[node]![(codes[symbol]! & 1) as 0 | 1] = -1 - symbol;
  }
  return tree;
}

/** No code is shorter than five bits. */
const expansionMax = 8 / 5;

/**
 * The text of buffer[start, end), one character a byte; undefined when it is no Huffman string. `scratch` takes at least
 * `decodedBytesMax(end - start)` bytes.
 */
export function decodeHuffman(buffer: Buffer, start: number, end: number, scratch: Buffer): string | undefined {
  let state = 0;
  let length = 0;
  for (let i = start; i < end; i++) {
    const byte = buffer[i]!;
    let entry = (state << 4) | (byte >> 4);
    let symbol = symbolOf[entry]!;
    if (symbol >= 0) scratch[length++] = symbol;
    state = nextState[entry]!;
    if (state < 0) return undefined;
    entry = (state << 4) | (byte & 15);
    symbol = symbolOf[entry]!;
    if (symbol >= 0) scratch[length++] = symbol;
    state = nextState[entry]!;
    if (state < 0) return undefined;
  }
  return mayEnd[state] === 1 ? latin1(scratch, 0, length) : undefined;
}

export function decodedBytesMax(encodedBytes: number): number {
  return Math.ceil(encodedBytes * expansionMax);
}

/** Bytes that `text` takes in this code. */
export function huffmanLength(text: string): number {
  let bits = 0;
  for (let i = 0; i < text.length; i++) bits += lengths[text.charCodeAt(i) & 255]!;
  return (bits + 7) >> 3;
}

/** Writes `text` (one byte a character) from `offset` on; returns where it ends. */
export function encodeHuffman(text: string, buffer: Buffer, offset: number): number {
  let out = offset;
  let pending = 0;
  let pendingBits = 0;
  for (let i = 0; i < text.length; i++) {
    const symbol = text.charCodeAt(i) & 255;
    let bits = lengths[symbol]!;
    const code = codes[symbol]!;
    while (bits > 0) {
      const taken = Math.min(bits, 8 - pendingBits);
      bits -= taken;
      pending = (pending << taken) | ((code >>> bits) & ((1 << taken) - 1));
      pendingBits += taken;
      if (pendingBits === 8) {
        buffer[out++] = pending;
        pending = 0;
        pendingBits = 0;
      }
    }
  }
  if (pendingBits > 0) buffer[out++] = (pending << (8 - pendingBits)) | (255 >> pendingBits);
  return out;
}
