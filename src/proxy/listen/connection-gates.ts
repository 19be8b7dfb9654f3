// What a connection must pass before it is served: one gate after the other, of which some ask somebody else. Used by listener.ts.
import type { ConnectionGate } from '#proxy/config/listener';
import type { DownstreamConnection } from '#proxy/http/connection-manager';

/** `decided` is called once, perhaps before this returns, unless what is returned is called: it gives up. */
export function passGates(
  gates: readonly ConnectionGate[],
  connection: DownstreamConnection,
  decided: (passes: boolean) => void,
): () => void {
  const passage = { connection, metadata: new Map() };
  let pending: { cancel(): void } | undefined;
  const enter = (i: number): void => {
    const gate = gates[i];
    if (gate === undefined) {
      decided(true);
      return;
    }
    let answered = false;
    const inquiry = gate(passage, (passes) => {
      answered = true;
      pending = undefined;
      if (passes) enter(i + 1);
      else decided(false);
    });
    if (!answered) pending = inquiry;
  };
  enter(0);
  return () => pending?.cancel();
}

/** Whether all let it pass without asking anybody. */
export function passesAtOnce(gates: readonly ConnectionGate[], connection: DownstreamConnection): boolean {
  let passes = false;
  const giveUp = passGates(gates, connection, (verdict) => {
    passes = verdict;
  });
  giveUp();
  return passes;
}
