// Istio's name table, checked: what dns/ answers from.
import { isIP } from 'node:net';
import type { NameTable } from '#codec/protobuf/generated/istio/nds';
import type { Findings } from './findings.ts';

const namesMax = 200_000;

/** As it came, where every address is one. */
export function decodeNameTable(message: NameTable, findings: Findings): NameTable {
  const entries = Object.entries(message.table);
  if (entries.length > namesMax) findings.report('table', `has ${entries.length} names; ${namesMax} are the most`);
  for (const [name, { ips }] of entries) {
    const wrong = ips.find((address) => isIP(address) === 0);
    if (wrong !== undefined) findings.report(`table["${name}"]`, `"${wrong}" is not an IP address`);
  }
  return message;
}
