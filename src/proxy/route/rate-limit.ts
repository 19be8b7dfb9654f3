// What a request counts as for rate limits: descriptors, made of it by the route's `rate_limits`. Pure.
import type { RoutedRequest } from './route.ts';

export interface DescriptorEntry {
  readonly key: string;
  readonly value: string;
}

/** What descriptors may be made of. */
export interface LimitedRequest extends RoutedRequest {
  readonly clientAddress: string;
  /** Where the route sends it; empty: nowhere. */
  readonly destinationCluster: string;
  metadataOf(namespace: string): Readonly<Record<string, unknown>> | undefined;
}

export interface RateLimit {
  readonly stage: number;
  /** Undefined: the request has not what the descriptor is made of, and does not count here. */
  describe(request: LimitedRequest): readonly DescriptorEntry[] | undefined;
}
