// The xDS resources that a proxy holds, by type and name: what reconnecting tells the server, and what config_dump shows.

import type { Decoding } from './decode-cache.ts';

export interface HeldResource {
  name: string;
  /** Shared with the other proxies of the process that hold the same. */
  decoding: Decoding<unknown>;
  /** Unix time, milliseconds. */
  updatedWallMs: number;
}

export interface RejectedResource {
  name: string;
  decoding: Decoding<unknown>;
  rejectedWallMs: number;
  findings: readonly string[];
}

export class HeldResources {
  private readonly accepted = new Map<string, HeldResource>();
  private readonly rejected = new Map<string, RejectedResource>();

  constructor(readonly typeUrl: string) {}

  accept(resource: HeldResource): void {
    this.accepted.set(resource.name, resource);
    this.rejected.delete(resource.name);
  }

  /** The last good version stays beside it. */
  reject(resource: RejectedResource): void {
    this.rejected.set(resource.name, resource);
  }

  remove(name: string): void {
    this.accepted.delete(name);
    this.rejected.delete(name);
  }

  get(name: string): HeldResource | undefined {
    return this.accepted.get(name);
  }

  all(): IterableIterator<HeldResource> {
    return this.accepted.values();
  }

  allRejected(): IterableIterator<RejectedResource> {
    return this.rejected.values();
  }

  /** For `initial_resource_versions`. */
  versions(): Record<string, string> {
    return Object.fromEntries([...this.accepted].map(([name, { decoding }]) => [name, decoding.version]));
  }
}
