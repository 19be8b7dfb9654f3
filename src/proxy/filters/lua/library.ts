// The Lua machine (WebAssembly, some 10 MB and a tenth of a second): loaded when a configuration first asks for it, then shared by every script
// of the process. Scripts have each a state of their own, and share nothing.
import type { LuaEngine, LuaWasm } from 'wasmoon';

/** Of one script: its code and all that it keeps. */
const memoryBytesMax = 8 * 1024 * 1024;

interface Library {
  readonly machine: LuaWasm;
  readonly Engine: typeof LuaEngine;
}

/** What was loaded once is the same for everybody. */
let library: Library | undefined;
let loading: Promise<void> | undefined;

/** Before configuration with scripts is decoded. */
export function loadLua(): Promise<void> {
  loading ??= load();
  return loading;
}

async function load(): Promise<void> {
  const { LuaEngine: Engine, LuaFactory } = await import('wasmoon');
  library = { machine: await new LuaFactory().getLuaModule(), Engine };
}

/** A fresh state with Lua's own libraries. Throws where Lua is not loaded. */
export function newState(): LuaEngine {
  if (library === undefined) throw new Error('bug: Lua is not loaded');
  const { machine, Engine } = library;
  const engine = new Engine(machine, { openStandardLibs: true, injectObjects: false, enableProxy: false, traceAllocations: true });
  engine.global.setMemoryMax(memoryBytesMax);
  return engine;
}

/** What is wrong with the script's syntax; undefined: nothing, or nobody can tell because Lua is not loaded. */
export function syntaxFault(source: string): string | undefined {
  if (library === undefined) return undefined;
  const engine = newState();
  try {
    engine.global.set('__source', source);
    // As text alone: what is compiled already could break out of the machine.
    const fault: unknown = engine.doStringSync(`local _, fault = load(__source, '=script', 't') return fault or ''`);
    return fault === '' ? undefined : String(fault);
  } finally {
    engine.global.close();
  }
}
