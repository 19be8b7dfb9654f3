// How much of its weight an endpoint gets that has just become available: Envoy's slow start. Pure.
import type { SlowStartConfig } from '#proxy/config/load-balancer';

/** In (0, 1]: `max(weightMin, time ^ (1 / aggression))`, where `time` is the part of the window that has passed. */
export function slowStartShare({ windowMs, aggression, weightMin }: SlowStartConfig, availableMs: number): number {
  if (availableMs >= windowMs) return 1;
  const time = Math.max(1, availableMs) / windowMs;
  return Math.max(weightMin, time ** (1 / aggression));
}
