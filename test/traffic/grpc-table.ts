// The traffic tables once more, with a gRPC library in the place of the proxy: what it supports must come out the same.
import { status as grpcStatus } from '@grpc/grpc-js';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { proxyStatuses } from '#control/discovery/proxy-status';
import { type Outcome, runExpectation } from './case.ts';
import { GrpcClients, type Program } from './grpc-clients.ts';
import { startGrpcEcho } from './grpc-echo.ts';
import { grpcExcuse } from './grpc-excuse.ts';
import { trafficTables } from './tables.ts';
import { useTrafficMesh } from './use-traffic-mesh.ts';

/** Cases of which a library shows something, at least: excuses are derived, and are not to swallow everything. */
const shownMin = 30;

/** `whyNot`: why there is no such program here. */
export function describeGrpcTable(program: Program, whyNot?: string): void {
  const town = useTrafficMesh({ serve: startGrpcEcho, proxyless: true });
  let clients: GrpcClients | undefined;
  let shown = 0;
  beforeAll(() => {
    clients = new GrpcClients(town.mesh, program);
  });
  afterEach(() => clients?.forget());
  afterAll(() => clients?.close());

  for (const [kind, cases] of Object.entries(trafficTables)) {
    describe(kind, () => {
      test.for(cases)('$name', async (each, { skip }) => {
        if (whyNot !== undefined) skip(whyNot);
        await town.mesh.apply(each.yaml);
        const excused = each.calls.map((call) => ({ call, excuse: grpcExcuse(town.mesh, each, call) ?? program.lacks?.(each, call) }));
        const calls = excused.filter(({ excuse }) => excuse === undefined);
        if (calls.length === 0) skip(excused[0]?.excuse);
        for (const { call } of calls) {
          await runExpectation(clients!, { ...call, deviations: 5, expect: inGrpc(call.expect) });
        }
        expect(proxyStatuses(town.mesh.connections).flatMap(({ errors }) => Object.values(errors ?? {}))).toEqual([]);
        shown++;
      });
    });
  }

  test(`at least ${shownMin} cases are shown`, ({ skip }) => {
    if (whyNot !== undefined) skip(whyNot);
    expect(shown).toBeGreaterThanOrEqual(shownMin);
  });
}

/** What an HTTP status is to a call; a failed one has no body but a word for people. */
const codes: Readonly<Record<number, grpcStatus>> = {
  200: grpcStatus.OK,
  404: grpcStatus.UNAVAILABLE, // of a path that no route takes
  418: grpcStatus.UNKNOWN,
  502: grpcStatus.UNAVAILABLE,
  503: grpcStatus.UNAVAILABLE,
  504: grpcStatus.DEADLINE_EXCEEDED,
};

function inGrpc({ status = 200, statuses, body: _, ...outcome }: Outcome): Outcome {
  const code = (of: number): number => codes[of] ?? grpcStatus.UNKNOWN;
  return { ...outcome, status: code(status), ...(statuses && { statuses: statuses.map(code).sort() }) };
}
