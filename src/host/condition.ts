// Conditions of a status: whether something holds, since when, and why. Pure.

export interface Condition {
  type: string;
  status: 'True' | 'False';
  reason: string;
  message: string;
  lastTransitionTime: string;
  lastUpdateTime: string;
}

/** The condition as of `now`; where it held before it keeps its times, and where nothing is new it is the one that was. */
export function condition(before: unknown, now: string, type: string, holds: boolean, reason: string, message: string): Condition {
  const known = Array.isArray(before) ? (before as Condition[]).find((each) => each.type === type) : undefined;
  const status = holds ? 'True' : 'False';
  if (known?.status === status && known.reason === reason && known.message === message) return known;
  const lastTransitionTime = known?.status === status ? known.lastTransitionTime : now;
  return { type, status, reason, message, lastTransitionTime, lastUpdateTime: now };
}
