// Memory that processes of this machine have in common. Of Linux: it has no name and is gone with the last process that maps it.
import { closeSync, ftruncateSync, openSync } from 'node:fs';
import { loadSystemCalls } from './system-calls.ts';

export interface SharedMemory {
  /** All zeros at first. What lies in it comes without order, but each aligned number whole. */
  readonly bytes: ArrayBuffer;
  /** Where another process opens it, as long as this one lives. */
  readonly path: string;
}

/** Pages of it take memory when they are first written to. Throws MeshError SYSTEM_CALLS where there is none, or a system error. */
export async function createSharedMemory(size: number): Promise<SharedMemory> {
  const calls = await loadSystemCalls();
  const file = calls.memoryFile();
  ftruncateSync(file, size);
  return { bytes: calls.mapShared(file, size), path: `/proc/${process.pid}/fd/${file}` };
}

/** That of another process. Throws as `createSharedMemory` does. */
export async function openSharedMemory(path: string, size: number): Promise<ArrayBuffer> {
  const calls = await loadSystemCalls();
  const file = openSync(path, 'r+');
  try {
    return calls.mapShared(file, size);
  } finally {
    closeSync(file);
  }
}
