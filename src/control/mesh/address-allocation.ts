// Addresses for hosts that have none, so that connections to them can be told apart: Istio's range for it. Pure.

/** 240.240.0.0/16, which nobody routes. */
const range = '240.240';
const addressesMax = 65_536;

/** Begins where the name leads, so that a host mostly has the same address after every restart. Undefined: all are taken. */
export function allocateAddress(hostname: string, used: ReadonlySet<string>): string | undefined {
  let start = 0;
  for (const letter of hostname) start = (Math.imul(start, 31) + letter.charCodeAt(0)) >>> 0;
  for (let i = 0; i < addressesMax; i++) {
    const [third, fourth] = [((start + i) >> 8) & 255, (start + i) & 255];
    const address = `${range}.${third}.${fourth}`;
    if (fourth !== 0 && fourth !== 255 && !used.has(address)) return address;
  }
  return undefined;
}
