// Values by name, and their sum over processes that share one proxy's ports. Pure.

/** Names as Envoy's text has them. */
export type Samples = Readonly<Record<string, number>>;

/** What every process finds for itself, and is not more for being found twice. */
const found = /^(membership_|update_|outlier_detection\.ejections_active$)/;

export function addSamples(a: Samples, b: Samples): Samples {
  const sum: Record<string, number> = { ...a };
  for (const [name, value] of Object.entries(b)) {
    const before = sum[name] ?? 0;
    sum[name] = found.test(name) ? Math.max(before, value) : before + value;
  }
  return sum;
}
