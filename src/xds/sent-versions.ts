// Which version of each resource one client was sent: a set that many clients share, and how this one differs from it. Thousands of names for
// each of hundreds of clients are held once.
import type { ResourceSet } from './resource.ts';

export class SentVersions {
  private base: ResourceSet = new Map();
  /** Over `base`; undefined: not sent, or taken away. */
  private readonly own = new Map<string, string | undefined>();

  /** The client has this set, and nothing else. */
  reset(base: ResourceSet): void {
    this.base = base;
    this.own.clear();
  }

  get(name: string): string | undefined {
    return this.own.has(name) ? this.own.get(name) : this.base.get(name)?.version;
  }

  has(name: string): boolean {
    return this.get(name) !== undefined;
  }

  set(name: string, version: string): void {
    this.own.set(name, version);
  }

  delete(name: string): void {
    if (this.base.has(name)) this.own.set(name, undefined);
    else this.own.delete(name);
  }

  *keys(): Iterable<string> {
    for (const name of this.base.keys()) if (!this.own.has(name)) yield name;
    for (const [name, version] of this.own) if (version !== undefined) yield name;
  }
}
