// A resource as it travels: encoded once, named, and with a version that depends on its bytes alone, so that a proxy
// which reconnects to another control plane is not sent again what it has.
import { createHash } from 'node:crypto';
import type { TypeUrl } from '#xds/resource-type';

export interface Resource {
  readonly name: string;
  readonly version: string;
  /** `google.protobuf.Any`; the bytes are shared by every proxy that gets this resource. */
  readonly body: { readonly typeUrl: string; readonly value: Buffer };
}

/** Resources of one type by name. */
export type ResourceSet = ReadonlyMap<string, Resource>;

export function createResource(typeUrl: TypeUrl, name: string, bytes: Uint8Array): Resource {
  const value = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return { name, version: createHash('sha1').update(value).digest('hex').slice(0, 16), body: { typeUrl, value } };
}
