// What one request is hashed by, for clusters that balance by a hash: made when such a cluster asks, kept for later tries. Gives new
// clients the cookies that bring them back to the same endpoint.
import type { Word64 } from '#codec/hash/word64';
import type { ResponseHead } from '#proxy/http/head';
import type { HttpStream } from '#proxy/http/stream';
import { type HashedRequest, type HashPolicy, hashText, requestHash } from '#proxy/route/hash-policy';

export class RequestAffinity implements HashedRequest {
  /** Undefined: the policies find nothing to go by. */
  readonly hash: Word64 | undefined;
  private readonly cookies: string[] = [];

  constructor(
    private readonly stream: HttpStream,
    policies: readonly HashPolicy[],
  ) {
    this.hash = requestHash(policies, this);
  }

  /** To be called with the response: the client came without what it is to be known by. */
  setCookies(head: ResponseHead): void {
    for (const cookie of this.cookies) head.append('set-cookie', cookie);
  }

  // --- What the policies ask.

  get path(): string {
    return this.stream.originalPath;
  }

  header(name: string): string | undefined {
    return this.stream.header(name);
  }

  get clientAddress(): string {
    return this.stream.connection.remoteAddress;
  }

  /** The same for all requests of one connection, so that those that race get the same. */
  newCookie(name: string, attributes: string): string {
    const { remoteAddress, remotePort, localAddress, localPort } = this.stream.connection;
    const value = hashText(`${remoteAddress}:${remotePort}${localAddress}:${localPort}`).toHex();
    this.cookies.push(`${name}="${value}"${attributes}`);
    return value;
  }
}
