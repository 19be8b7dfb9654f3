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

interface Assembly {
  readonly parts: readonly object[];
  readonly made: object;
}

export class DecodeCache {
  /** By type and name; proxies of different namespaces may have different resources of one name. */
  private readonly known = new Map<string, WeakRef<Decoding<unknown>>[]>();
  private readonly assembled = new Map<string, WeakRef<Assembly>[]>();
  /** An assembly lives as long as what was made of it. */
  private readonly assemblies = new WeakMap<object, Assembly>();
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

  /** What `make` makes of `parts`, once for all who have the same ones. */
  assemble<T extends object>(name: string, parts: readonly object[], make: () => T): T {
    const known = this.assembled.get(name)?.flatMap((reference) => reference.deref() ?? []) ?? [];
    const same = known.find((other) => other.parts.length === parts.length && other.parts.every((part, i) => part === parts[i]));
    if (same !== undefined) return same.made as T;
    const assembly: Assembly = { parts, made: make() };
    this.assembled.set(name, [...known.map((other) => new WeakRef(other)), new WeakRef(assembly)]);
    this.assemblies.set(assembly.made, assembly);
    return assembly.made as T;
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
