// Header names that the proxy itself looks at, found by a hash that the head parser computes on its way.

/** The index of a name here is its id. */
const names = [
  'host',
  'content-length',
  'transfer-encoding',
  'connection',
  'keep-alive',
  'proxy-connection',
  'te',
  'upgrade',
  'expect',
  'x-request-id',
  'x-forwarded-for',
  'x-forwarded-proto',
  'x-envoy-attempt-count',
  'x-envoy-upstream-service-time',
  'x-envoy-peer-metadata',
  'x-envoy-peer-metadata-id',
  'server',
  'date',
] as const;

export type KnownName = (typeof names)[number];

/** `fieldId['content-length']`: the id of a known name. */
export const fieldId = Object.freeze(Object.fromEntries(names.map((name, id) => [name, id]))) as Readonly<Record<KnownName, number>>;

export const knownCount = names.length;
export const unknownField = -1;

/** Ids below this one and above 1 belong to the hop, not to the message: RFC 9110 section 7.6.1. */
export function isHopByHop(id: number): boolean {
  return id >= fieldId['transfer-encoding'] && id <= fieldId['upgrade'];
}

/** One step of the hash, over the bytes of a name in lower case. */
export function hashStep(hash: number, byte: number): number {
  return (Math.imul(hash, 31) + byte) | 0;
}

function hashText(name: string): number {
  let hash = 0;
  for (let i = 0; i < name.length; i++) hash = hashStep(hash, name.charCodeAt(i));
  return hash;
}

const slots = 256;
const slotIds = new Int8Array(slots).fill(unknownField);
const slotHashes = new Int32Array(slots);
for (const [id, name] of names.entries()) {
  const hash = hashText(name);
  let slot = (hash ^ (hash >>> 15)) & (slots - 1);
  while (slotIds[slot] !== unknownField) slot = (slot + 1) & (slots - 1);
  slotIds[slot] = id;
  slotHashes[slot] = hash;
}

/** The id of a name with this hash and length, or `unknownField`. The caller still has to compare: see `knownName`. */
export function lookupField(hash: number, length: number): number {
  let slot = (hash ^ (hash >>> 15)) & (slots - 1);
  for (;;) {
    const id = slotIds[slot]!;
    if (id === unknownField) return unknownField;
    if (slotHashes[slot] === hash && names[id]!.length === length) return id;
    slot = (slot + 1) & (slots - 1);
  }
}

export function knownName(id: number): string {
  return names[id]!;
}

/** What to look a name up by: its hash and its id. */
export interface FieldKey {
  readonly name: string;
  readonly hash: number;
  readonly id: number;
}

const keys = new Map<string, FieldKey>();
const keysMax = 1024;

/** `name` in lower case. Remembered, for the few names that configuration asks for again and again. */
export function fieldKey(name: string): FieldKey {
  let key = keys.get(name);
  if (key === undefined) {
    const hash = hashText(name);
    const id = lookupField(hash, name.length);
    key = { name, hash, id: id !== unknownField && names[id] === name ? id : unknownField };
    if (keys.size < keysMax) keys.set(name, key);
  }
  return key;
}
