// Stored objects are shared between everybody who reads them: a write to one is a bug, and throws.

/** Freezes the value and all that it holds, in place. Frozen parts are taken to be frozen throughout. */
export function deepFrozen<T>(value: T): T {
  if (typeof value !== 'object' || value === null || Object.isFrozen(value)) return value;
  Object.freeze(value);
  for (const part of Object.values(value)) deepFrozen(part);
  return value;
}
