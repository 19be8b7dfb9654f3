// One script in a state of its own: runs its entry points for streams, one run each, which may wait and be resumed. Made by filters/http/lua.ts.
import type { LuaEngine } from 'wasmoon';
import { newState } from './library.ts';
import { prelude, type RunState, readRunState } from './prelude.ts';

/** What a run may ask for, by name: headers, bodies, the stream. Throws what the script is to hear as an error. */
export interface RunHost {
  ask(operation: string, a: unknown, b: unknown): string | number | boolean | undefined;
}

type Call = (...args: (string | number)[]) => string;

export class LuaScript {
  private readonly engine: LuaEngine;
  private readonly hosts = new Map<number, RunHost>();
  private readonly call: { run: Call; resume: Call; forget: Call };
  private last = 0;

  /** Throws what is wrong with the script outside of its functions. */
  constructor(
    source: string,
    /** The name of the filter that has it. */
    readonly filter: string,
  ) {
    this.engine = newState();
    const { global } = this.engine;
    global.set('__host', (run: number, operation: string, a: unknown, b: unknown) => this.hosts.get(run)?.ask(operation, a, b));
    this.engine.doStringSync(prelude);
    this.call = { run: global.get('__run'), resume: global.get('__resume'), forget: global.get('__forget') };
    for (const name of ['__run', '__resume', '__forget']) global.set(name, undefined);
    this.engine.doStringSync(source);
  }

  /** Begins; a state other than a wait is the end of the run. */
  run(entry: 'envoy_on_request' | 'envoy_on_response', host: RunHost): { id: number; state: RunState } {
    const id = ++this.last;
    this.hosts.set(id, host);
    return { id, state: this.settle(id, () => this.call.run(entry, id)) };
  }

  resume(id: number, text: string): RunState {
    return this.settle(id, () => this.call.resume(id, text));
  }

  /** Its stream is gone. */
  forget(id: number): void {
    if (this.hosts.delete(id)) this.call.forget(id);
  }

  private settle(id: number, proceed: () => string): RunState {
    let state: RunState;
    try {
      state = readRunState(proceed());
    } catch (thrown) {
      state = { fault: thrown instanceof Error ? thrown.message : String(thrown) };
    }
    if (state === 'responded') this.forget(id);
    else if (state !== 'body' && state !== 'call') this.hosts.delete(id);
    return state;
  }
}
