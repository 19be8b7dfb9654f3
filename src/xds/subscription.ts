// What one client wants of one resource type, and what it was told: the part that state-of-the-world and delta xDS
// have in common. Pure; sotw-subscription.ts and delta-subscription.ts are the two machines, discovery drives them.
// The rules are those of Envoy's "xDS REST and gRPC protocol".
import type { Delivery, Verdict } from './delivery.ts';
import type { ResourceSet } from './resource.ts';

/** Subscribes to everything the server has for this client. */
export const wildcardName = '*';

export interface Interest {
  readonly wildcard: boolean;
  /** Asked for by name; without `*`. */
  readonly names: ReadonlySet<string>;
}

export interface Reaction {
  verdict: Verdict;
  /** True when the client asked for something and waits for a response, even one without news. */
  answer: boolean;
}

export interface AnswerOptions {
  /** Of the configuration as a whole; for people and for the client's ACK. */
  version: string;
  /** Keep telling the client of resources that are gone: something that it still uses may refer to them. */
  retain: boolean;
  /** Respond even if there is nothing new. */
  force: boolean;
  /** `resources` are of these names alone: of all others, nothing has changed. */
  among?: ReadonlySet<string> | undefined;
}

export interface Subscription<Request, Response> {
  readonly interest: Interest;
  readonly delivery: Delivery;
  /** True when the last answer kept resources that are gone. */
  readonly retaining: boolean;
  receive(request: Request): Reaction;
  /** The response that brings the client from what it was told to `resources`; undefined when there is nothing to say. */
  answer(resources: ResourceSet, options: AnswerOptions): Response | undefined;
}
