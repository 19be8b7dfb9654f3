// What one kind of configuration is to `proxy-config`: which of a dump's resources are asked for, and how they stand in a table.
import type { ConfigDump } from '../config-dump.ts';

/** As they were given; each command takes some of them. */
export interface Filters {
  fqdn?: string;
  port?: string;
  direction?: string;
  subset?: string;
  name?: string;
  type?: string;
  address?: string;
  status?: string;
  cluster?: string;
}

export interface Selection {
  /** For `-o json` and `-o yaml`: Envoy's own shape. */
  configs: readonly unknown[];
  titles: readonly string[];
  rows: readonly (readonly string[])[];
}

export type Section = (dump: ConfigDump, filters: Filters, nowMs: number) => Selection;

export const compareRows = (a: readonly string[], b: readonly string[]): number => {
  for (const [index, cell] of a.entries()) {
    const other = b[index] ?? '';
    const [left, right] = /^\d+$/.test(cell) && /^\d+$/.test(other) ? [Number(cell), Number(other)] : [cell, other];
    if (left !== right) return left < right ? -1 : 1;
  }
  return 0;
};
