// What is behind a socket of Node: not public, unchanged since Node 12. Where a version has it otherwise, `WriteWrap` is undefined, and
// writes go by the stream's own way (direct-write.ts).

/** What Node hangs a write on that the kernel did not take all of at once; without such a rest it stays as it was. */
export interface WriteRequest {
  oncomplete: (status: number) => void;
  /** Kept alive until the write is done. */
  chunk: string | Uint8Array;
}

/** Each returns 0, or a negative system error. */
export interface StreamHandle {
  writeLatin1String(request: WriteRequest, text: string): number;
  writeBuffer(request: WriteRequest, bytes: Uint8Array): number;
}

interface StreamBinding {
  readonly WriteWrap?: new () => WriteRequest;
  /** How the last call of a handle went, by index. */
  readonly streamBaseState?: Int32Array;
  readonly kLastWriteWasAsync?: number;
}

const { WriteWrap: Request, streamBaseState, kLastWriteWasAsync } = streamBinding();

const known = streamBaseState !== undefined && kLastWriteWasAsync !== undefined;

export const WriteWrap = known ? Request : undefined;

/** Of the last write of any handle: nothing of it is left to be done. */
export function wroteAll(): boolean {
  return streamBaseState![kLastWriteWasAsync!] === 0;
}

function streamBinding(): StreamBinding {
  try {
    return (process as unknown as { binding(name: string): StreamBinding }).binding('stream_wrap');
  } catch {
    return {};
  }
}
