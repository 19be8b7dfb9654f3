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
  'grpc-status',
  'x-forwarded-client-cert',
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

/**
 * The hash of a name: its length and three of its bytes in lower case. Weak and cheap: it only has to keep most names of a head apart,
 * and whoever finds two of one hash compares the names.
 */
export function fieldHash(length: number, first: number, middle: number, last: number): number {
  return (length & 255) | (first << 8) | (middle << 16) | (last << 24);
}

function hashText(name: string): number {
  const { length } = name;
  return fieldHash(length, name.charCodeAt(0), name.charCodeAt(length >> 1), name.charCodeAt(length - 1));
}

const slots = 256;
const slotIds = new Int8Array(slots).fill(unknownField);
const slotHashes = new Int32Array(slots);
for (const [id, name] of names.entries()) {
  const hash = hashText(name);
  let slot = slotOf(hash);
  while (slotIds[slot] !== unknownField) {
    if (slotHashes[slot] === hash) throw new Error(`bug: ${name} shares its hash with ${names[slotIds[slot]!]}`);
    slot = (slot + 1) & (slots - 1);
  }
  slotIds[slot] = id;
  slotHashes[slot] = hash;
}

function slotOf(hash: number): number {
  return (hash ^ (hash >>> 13) ^ (hash >>> 21)) & (slots - 1);
}

/** The id of a name with this hash and length, or `unknownField`. The caller still has to compare: see `knownName`. */
export function lookupField(hash: number, length: number): number {
  let slot = slotOf(hash);
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
