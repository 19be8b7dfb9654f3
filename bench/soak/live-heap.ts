// Loaded into a proxy under soak: at SIGUSR2 it collects garbage and writes down what is left. Resident memory also holds what
// the allocator keeps; only this tells a leak from that.
import { writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** Where the process of that id writes: bytes on V8's heap and beside it. */
export function liveHeapFile(pid: number): string {
  return join(tmpdir(), `lateen-live-heap-${pid}`);
}

if (globalThis.gc !== undefined) {
  process.on('SIGUSR2', () => {
    globalThis.gc?.();
    const { heapUsed, external } = process.memoryUsage();
    writeFileSync(liveHeapFile(process.pid), String(heapUsed + external));
  });
}
