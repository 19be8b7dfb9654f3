// Limits that two processes keep together, without the processes: rows of one memory, who holds them, and what is left of a limit.
import { describe, expect, test } from 'vitest';
import { ManualClock } from '#foundation/clock';
import { TokenBucket } from '#proxy/filters/rate-limit/token-bucket';
import { type LimitSharing, rowCells, type SharedRow, unshared } from '#proxy/limits/limit-sharing';
import { ClusterUsage, usageCell } from '#proxy/upstream/cluster-usage';
import { RowClient } from '#proxy/workers/row-client';
import { RowLedger } from '#proxy/workers/row-ledger';
import { RowTable, rowsMax, rowTableBytes } from '#proxy/workers/row-table';

const bytes = new ArrayBuffer(rowTableBytes);

/** Two processes whose rows are granted when `grant` is called. */
function processes() {
  const clock = new ManualClock();
  const ledger = new RowLedger();
  const tables = [new RowTable(bytes, 0), new RowTable(bytes, 1)];
  const asked: (() => void)[] = [];
  const sharings: LimitSharing[] = tables.map((table, column) => {
    const grant = (key: string): SharedRow | undefined => {
      const taken = ledger.take(key, column, clock.now());
      if (taken?.fresh) table.clearRow(taken.index, 2);
      return taken && table.row(taken.index, 2, taken.sinceMs);
    };
    return new RowClient(2, {
      take: (key, answer) => void asked.push(() => answer(grant(key))),
      leave: (key) => ledger.leave(key, column),
    });
  });
  return { clock, ledger, tables, one: sharings[0]!, other: sharings[1]!, grant: () => asked.splice(0).forEach((each) => void each()) };
}

describe('a circuit breaker', () => {
  const requests = usageCell.requests;

  test('counts what all have under way; a share of it while a process knows of no other', () => {
    const { one, other, grant } = processes();
    const [here, there] = [new ClusterUsage(2), new ClusterUsage(2)];
    here.own[requests] = 1;
    expect([here.reaches(requests, 3), here.reaches(requests, 2)]).toEqual([false, true]);
    here.join(one, 'a');
    there.join(other, 'a');
    grant();
    there.own[requests] = 1;
    expect([here.total(requests), there.total(requests), here.total(usageCell.connections)]).toEqual([2, 2, 0]);
    expect([here.reaches(requests, 3), there.reaches(requests, 2)]).toEqual([false, true]);
    here.leave(one, 'a');
    expect([here.own[requests], there.total(requests)]).toEqual([1, 1]);
  });

  test('what a process that has ended had under way is forgotten', () => {
    const { one, other, grant, tables, ledger } = processes();
    const [here, there] = [new ClusterUsage(2), new ClusterUsage(2)];
    here.join(one, 'a');
    there.join(other, 'a');
    grant();
    there.own[requests] = 5;
    tables[0]!.clearColumn(1, ledger.used);
    expect(here.total(requests)).toBe(0);
  });

  test('alone, the whole limit is its own', () => {
    const usage = new ClusterUsage();
    usage.join(unshared, 'a');
    usage.own[requests] = 2;
    expect([usage.reaches(requests, 3), usage.reaches(requests, 2)]).toEqual([false, true]);
  });
});

describe('a bucket of tokens', () => {
  const config = { tokensMax: 4, tokensPerFill: 2, fillIntervalMs: 1000 };
  const taken = (bucket: TokenBucket, nowMs: number) => {
    let count = 0;
    while (bucket.take(nowMs)) count++;
    return count;
  };

  test('gives each process half of its tokens until they know of each other, and all to whoever asks from then on', () => {
    const { clock, one, other, grant } = processes();
    const [here, there] = [one, other].map((sharing) => {
      const bucket = new TokenBucket(config, clock.now(), 2);
      sharing.join('b', bucket.join, bucket);
      return bucket;
    }) as [TokenBucket, TokenBucket];
    expect(taken(here, clock.now())).toBe(2);
    grant();
    expect([here.remaining(0), there.remaining(0)]).toEqual([2, 2]);
    expect(taken(there, clock.now())).toBe(2);
    expect(here.take(clock.now())).toBe(false);
    clock.advance(1000);
    expect([taken(here, clock.now()), taken(there, clock.now())]).toEqual([2, 0]);
    clock.advance(60_000);
    // No more than it holds, whoever looks.
    expect([here.remaining(clock.now()), there.remaining(clock.now())]).toEqual([4, 4]);
    expect([taken(there, clock.now()), taken(here, clock.now())]).toEqual([4, 0]);
  });
});

describe('rows', () => {
  test('one that all have left is another key’s, and is clear; a key keeps the row that somebody holds', () => {
    const { one, other, grant } = processes();
    const rows: SharedRow[] = [];
    const joined = (row: SharedRow) => void rows.push(row);
    one.join('a', joined);
    other.join('a', joined);
    grant();
    rows[0]!.own[0] = 7;
    expect([rows[1]!.others(0), rows[0]!.own.length]).toEqual([7, rowCells]);
    other.leave('a', joined);
    other.join('a', joined);
    grant();
    expect(rows[2]!.others(0)).toBe(7);
    one.leave('a', joined);
    other.leave('a', joined);
    one.join('b', joined);
    other.join('b', joined);
    grant();
    expect([rows[3]!.own[0], rows[4]!.others(0)]).toEqual([0, 0]);
  });

  test('who has left before the row came is not called', () => {
    const { one, grant } = processes();
    const joined = () => expect.unreachable();
    one.join('a', joined);
    one.leave('a', joined);
    grant();
  });

  test('there are so many, and no more', () => {
    const ledger = new RowLedger();
    for (let i = 0; i < rowsMax; i++) expect(ledger.take(String(i), 0, 0)?.index).toBe(i);
    expect(ledger.take('one more', 0, 0)).toBeUndefined();
    ledger.leaveAll(0);
    expect(ledger.take('one more', 1, 0)).toMatchObject({ fresh: true });
  });
});
