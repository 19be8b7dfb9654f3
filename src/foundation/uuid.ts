// Names that nobody else has: RFC 9562, version 4.
import type { Random } from './random.ts';

/** Version 4 of RFC 9562. */
export function uuid(random: Random): string {
  const hex = (digits: number) => Array.from({ length: digits }, () => Math.floor(random.next() * 16).toString(16)).join('');
  return `${hex(8)}-${hex(4)}-4${hex(3)}-${'89ab'[Math.floor(random.next() * 4)]}${hex(3)}-${hex(12)}`;
}
