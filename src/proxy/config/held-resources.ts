// The xDS resources that a proxy holds, by type and name: what reconnecting tells the server, and what config_dump shows.

export interface HeldResource {
  name: string;
  /** As the server numbered it. */
  version: string;
  /** The serialized message, without its Any. */
  bytes: Buffer;
  /** Unix time, milliseconds. */
  updatedWallMs: number;
}

export interface RejectedResource {
  name: string;
  version: string;
  bytes: Buffer;
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
    return Object.fromEntries([...this.accepted].map(([name, { version }]) => [name, version]));
  }
}
