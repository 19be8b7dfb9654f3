// Durations as Istio's resources write them: Go's syntax. Read by the checks of #api, by the control plane, and in patches.

const unitMs: Readonly<Record<string, number>> = { ns: 1e-6, us: 1e-3, µs: 1e-3, ms: 1, s: 1e3, m: 6e4, h: 3.6e6 };
const wholeDuration = /^\+?(?:(?:\d+\.?\d*|\.\d+)(?:ns|us|µs|ms|s|m|h))+$/;
const part = /(\d+\.?\d*|\.\d+)(ns|us|µs|ms|s|m|h)/g;

/** Milliseconds of `1h30m`, `1.5s`, `100ms`; undefined where the text is no such duration. Never negative. */
export function durationMs(duration: string): number | undefined {
  if (duration === '0') return 0;
  if (duration.length > 64 || !wholeDuration.test(duration)) return undefined;
  let total = 0;
  for (const [, count, unit] of duration.matchAll(part)) total += Number(count) * (unitMs[unit ?? ''] ?? 0);
  return total;
}
