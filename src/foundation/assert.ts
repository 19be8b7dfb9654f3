// For our own bugs only; what the world sends is handled, not asserted.

export function assert(condition: unknown, message = 'assertion failed'): asserts condition {
  if (!condition) throw new Error(`bug: ${message}`);
}

/** For the branch of a union that cannot be reached. */
export function unreachable(value: never): never {
  throw new Error(`bug: unexpected ${JSON.stringify(value)}`);
}
