// Decodes a resource once for all proxies of a process that are sent the same bytes, and keeps the bytes once. What it remembers lives
// as long as some proxy holds it: the references are weak. Used by config-applier.ts.
import type { TypeUrl } from '#xds/resource-type';
import type { Decoded } from './findings.ts';

/** One version of a resource. Immutable, and shared: whoever holds it keeps it in the cache. */
export interface Decoding<T> {
  /** As the server numbered it: two servers may number the same bytes otherwise. */
  readonly version: string;
  /** The serialized message, without its Any. */
  readonly bytes: Buffer;
  readonly decoded: Decoded<T>;
}

export class DecodeCache {
  /** By type and name; proxies of different namespaces may have different resources of one name. */
  private readonly known = new Map<string, WeakRef<Decoding<unknown>>[]>();
  private readonly forgotten = new FinalizationRegistry<string>((key) => this.prune(key));

  /** `decode` is pure, and the same for every call with this `type`. */
  decode<T>(type: TypeUrl, name: string, version: string, bytes: Buffer, decode: () => Decoded<T>): Decoding<T> {
    const key = `${type} ${name}`;
    const same = this.live(key).find((other) => other.version === version && other.bytes.equals(bytes));
    if (same !== undefined) return same as Decoding<T>;
    const decoding: Decoding<T> = { version, bytes, decoded: decode() };
    const references = this.known.get(key);
    if (references === undefined) this.known.set(key, [new WeakRef(decoding)]);
    else references.push(new WeakRef(decoding));
    this.forgotten.register(decoding, key);
    return decoding;
  }

  private live(key: string): Decoding<unknown>[] {
    return (this.known.get(key) ?? []).flatMap((reference) => reference.deref() ?? []);
  }

  private prune(key: string): void {
    const left = this.known.get(key)?.filter((reference) => reference.deref() !== undefined) ?? [];
    if (left.length > 0) this.known.set(key, left);
    else this.known.delete(key);
  }
}
