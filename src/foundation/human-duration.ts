// Durations as kubectl writes ages, coarser as they grow: `HumanDuration` of k8s.io/apimachinery/pkg/util/duration.

/** `45s`, `3m20s`, `12m`, `5h3m`, `30h`, `3d4h`, `90d`, `2y30d`. What is below zero is `0s`. */
export function humanDuration(ms: number): string {
  const seconds = Math.max(0, Math.floor(ms / 1000));
  const [minutes, hours, days] = [60, 3600, 86_400].map((unit) => Math.floor(seconds / unit)) as [number, number, number];
  const years = Math.floor(days / 365);
  const and = (value: number, unit: string) => (value > 0 ? `${value}${unit}` : '');
  if (seconds < 120) return `${seconds}s`;
  if (minutes < 10) return `${minutes}m${and(seconds % 60, 's')}`;
  if (hours < 3) return `${minutes}m`;
  if (hours < 8) return `${hours}h${and(minutes % 60, 'm')}`;
  if (hours < 48) return `${hours}h`;
  if (days < 8) return `${days}d${and(hours % 24, 'h')}`;
  if (years < 2) return `${days}d`;
  return years < 8 ? `${years}y${and(days % 365, 'd')}` : `${years}y`;
}
