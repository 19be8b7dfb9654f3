// How the traffic of pods comes to their proxies, and what a user may ask for.

/**
 * `netns`: each pod in a network namespace, what its programs send is redirected to its proxy. `user`: the same without root, inside
 * of a user namespace. `loopback`: each pod has addresses of 127/8, and its programs go out by HTTP_PROXY.
 */
export type CaptureMode = 'netns' | 'user' | 'loopback';

export const captureWishes = ['auto', 'netns', 'user', 'loopback'] as const;
export type CaptureWish = (typeof captureWishes)[number];

/** What a user is told of a mode that is not in force. */
export interface RefusedMode {
  mode: CaptureMode;
  why: string;
  /** How to get it. */
  hint: string | undefined;
}
