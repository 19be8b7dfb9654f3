// Which bytes HTTP/1 allows where, as tables. RFC 9110 section 5.6.2 (token), 5.5 (field value), RFC 9112 section 3.2 (target).

export const CR = 13;
export const LF = 10;
export const SP = 32;
export const HTAB = 9;
export const COLON = 58;

/** Token byte -> the same in lower case; 0: not a token byte. */
export const tokenLower = tableOf((byte) => {
  const char = String.fromCharCode(byte);
  return /[!#$%&'*+\-.^_`|~0-9A-Za-z]/.test(char) ? char.toLowerCase().charCodeAt(0) : 0;
});

/** 1: may stand in a field value: tab, visible ASCII, space, and obs-text above 127. No other control byte. */
export const valueByte = tableOf((byte) => (byte === HTAB || (byte >= SP && byte !== 127) ? 1 : 0));

/** 1: may stand in a request target. Visible ASCII without `#`: a fragment is never sent (RFC 9112 section 3.2). */
export const targetByte = tableOf((byte) => (byte > SP && byte < 127 && byte !== 35 ? 1 : 0));

/** Value of a hexadecimal digit; 255: none. */
export const hexDigit = tableOf((byte) => {
  const value = Number.parseInt(String.fromCharCode(byte), 16);
  return Number.isNaN(value) ? 255 : value;
});

function tableOf(entry: (byte: number) => number): Uint8Array {
  return Uint8Array.from({ length: 256 }, (_, byte) => entry(byte));
}
