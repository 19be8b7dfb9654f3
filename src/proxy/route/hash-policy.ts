// What a request is hashed by, so that like requests meet the same endpoint: Envoy's hash policies of a route. Pure; asked by
// filters/http/forwarding.ts for clusters that balance by a hash.
import type { Word64 } from '#codec/hash/word64';
import { xxHash64 } from '#codec/hash/xxhash64';
import { queryParameters } from './route-match.ts';

export type HashPolicy = {
  /** Once there is a hash, the policies behind this one are not asked. */
  readonly terminal: boolean;
} & (
  | { readonly kind: 'header' | 'query_parameter'; readonly name: string }
  /** With `attributes`, a request without the cookie is given one: what stands behind its value in `set-cookie`. */
  | { readonly kind: 'cookie'; readonly name: string; readonly attributes: string | undefined }
  | { readonly kind: 'source_ip' }
);

export interface HashedRequest {
  readonly path: string;
  header(name: string): string | undefined;
  readonly clientAddress: string;
  /** A value for a cookie that the client has not got yet; the caller sees to it that the client gets it. */
  newCookie(name: string, attributes: string): string;
}

/** The policies' hashes, folded into one in their order; undefined when none of them finds anything. */
export function requestHash(policies: readonly HashPolicy[], request: HashedRequest): Word64 | undefined {
  let hash: Word64 | undefined;
  for (const policy of policies) {
    const value = hashedValue(policy, request);
    if (value !== undefined) {
      const own = hashText(value);
      hash = hash === undefined ? own : hash.rotateLeft(1).xor(own.high, own.low);
    }
    if (policy.terminal && hash !== undefined) break;
  }
  return hash;
}

export function hashText(text: string): Word64 {
  return xxHash64(Buffer.from(text, 'latin1'));
}

function hashedValue(policy: HashPolicy, request: HashedRequest): string | undefined {
  switch (policy.kind) {
    case 'header':
      return request.header(policy.name);
    case 'query_parameter':
      return queryParameters(request.path).get(policy.name);
    case 'source_ip':
      return request.clientAddress;
    case 'cookie': {
      const value = cookie(request.header('cookie'), policy.name);
      if (value !== undefined || policy.attributes === undefined) return value;
      return request.newCookie(policy.name, policy.attributes);
    }
  }
}

/** Undefined for a cookie that is not there, or empty. Several lines come joined with commas, which no cookie contains. */
function cookie(header: string | undefined, name: string): string | undefined {
  for (const pair of header?.split(/[;,]/) ?? []) {
    const equals = pair.indexOf('=');
    if (equals < 0 || pair.slice(0, equals).trim() !== name) continue;
    return (
      pair
        .slice(equals + 1)
        .trim()
        .replace(/^"(.*)"$/, '$1') || undefined
    );
  }
  return undefined;
}
