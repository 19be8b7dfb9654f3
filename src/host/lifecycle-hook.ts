// What a container wants done right after its program has started, and before it is ended: `lifecycle.postStart` and `preStop`.
import type { Clock } from '#foundation/clock';
import type { Container } from './container.ts';
import { ask, type Probed } from './probe.ts';

export type Hook = NonNullable<NonNullable<Container['lifecycle']>['preStop']>;

/** Resolves to whether it came to a good end within that time; never rejects. */
export function runHook(hook: Hook, probed: Probed, clock: Clock, timeoutMs: number): Promise<boolean> {
  if (!hook.sleep) return ask({ ...hook, timeoutSeconds: timeoutMs / 1000 }, probed);
  const { seconds } = hook.sleep;
  const ms = Math.min(seconds * 1000, timeoutMs);
  return new Promise((resolve) => clock.after(ms, () => resolve(seconds * 1000 <= timeoutMs), { unref: true }));
}
