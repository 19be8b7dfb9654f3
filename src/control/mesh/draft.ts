// The next snapshot while it is being made: maps are copied when first written to, and not before. Used by fold.ts.
import { isDeepStrictEqual } from 'node:util';
import type { ApiObject } from '#api/kind';
import type { ByKey, MeshChanges, MeshSnapshot } from './snapshot.ts';

/** Tables of a snapshot. */
export type Section = Exclude<keyof MeshChanges, 'config'>;

type Stamped = { readonly stamp: number };

export class Draft {
  private serial: number;
  private readonly copies = new Map<string, Map<string, unknown>>();
  readonly changed: { readonly [S in keyof MeshChanges]: Set<string> } = {
    services: new Set(),
    endpoints: new Set(),
    serviceAccounts: new Set(),
    virtualServices: new Set(),
    destinationRules: new Set(),
    gateways: new Set(),
    sidecars: new Set(),
    peerAuthentications: new Set(),
    requestAuthentications: new Set(),
    authorizationPolicies: new Set(),
    envoyFilters: new Set(),
    telemetries: new Set(),
    workloads: new Set(),
    secrets: new Set(),
    config: new Set(),
  };

  constructor(readonly base: MeshSnapshot) {
    this.serial = base.serial;
  }

  /** A stamp that no other value of this control plane has. */
  stamp(): number {
    return ++this.serial;
  }

  read<K extends Section | 'problems' | 'objects'>(section: K): MeshSnapshot[K] {
    return (this.copies.get(section) ?? this.base[section]) as MeshSnapshot[K];
  }

  /** Stores `make(stamp)` unless what is there differs from it by the stamp alone; undefined deletes. */
  put(section: Section, key: string, make: ((stamp: number) => Stamped) | undefined): void {
    const current = (this.read(section) as ByKey<Stamped>).get(key);
    if (!make) {
      if (!current) return;
      this.copy(section).delete(key);
    } else {
      if (current && isDeepStrictEqual(make(current.stamp), current)) return;
      this.copy(section).set(key, make(this.stamp()));
    }
    this.changed[section].add(key);
  }

  /** As it was before this fold. */
  restore(section: Section, key: string): void {
    const before = (this.base[section] as ByKey<unknown>).get(key);
    if (before === undefined) this.copy(section).delete(key);
    else this.copy(section).set(key, before);
    this.changed[section].delete(key);
  }

  /** Problems are told apart from configuration: they change no revision. Undefined: there are none. */
  write(section: 'problems', key: string, value: unknown): void {
    const current = this.read(section).get(key);
    if (value === undefined ? current === undefined : isDeepStrictEqual(current, value)) return;
    if (value === undefined) this.copy(section).delete(key);
    else this.copy(section).set(key, value);
  }

  /** The objects of one kind; `table` may still be filled. */
  replaceObjects(kind: string, table: ByKey<ApiObject>): void {
    this.copy('objects').set(kind, table);
  }

  finish(): MeshSnapshot {
    const { base, changed } = this;
    const sections = Object.entries(changed).filter(([, keys]) => keys.size > 0);
    if (sections.length === 0 && this.copies.size === 0) return base;
    const beyondEndpoints = sections.some(([section]) => section !== 'endpoints' && section !== 'serviceAccounts');
    return {
      ...base,
      ...(Object.fromEntries(this.copies) as Partial<MeshSnapshot>),
      revision: base.revision + (sections.length > 0 ? 1 : 0),
      configRevision: base.configRevision + (beyondEndpoints ? 1 : 0),
      serial: this.serial,
    };
  }

  private copy(section: string): Map<string, unknown> {
    let copy = this.copies.get(section);
    if (!copy) {
      copy = new Map(this.base[section as Section] as ByKey<unknown>);
      this.copies.set(section, copy);
    }
    return copy;
  }
}
