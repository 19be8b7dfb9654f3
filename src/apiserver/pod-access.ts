// What the API gives of a running pod beside its object: the lines its containers wrote, commands inside of it, connections to its ports.
// Implemented by the host.
import type { Socket } from 'node:net';

export interface TerminalSize {
  columns: number;
  rows: number;
}

export interface RunningCommand {
  stdin: NodeJS.WritableStream;
  stdout: NodeJS.ReadableStream;
  stderr: NodeJS.ReadableStream;
  /** Of its terminal; undefined: it has none. */
  resize?(size: TerminalSize): void;
  /** Called once, with the exit code; 128 and more for a signal. */
  onExit(listener: (code: number) => void): void;
  kill(): void;
}

/** A container of a pod; the first one needs no name. */
export interface PodTarget {
  namespace: string;
  pod: string;
  container: string;
}

export interface ContainerLog {
  file: string;
  times: {
    /** When the byte at this place was written, in milliseconds since the epoch. */
    at(offset: number): number;
    /** Where that begins which was written then or later; infinite: there is nothing of it yet. */
    offsetSince(wallMs: number): number;
  };
}

export interface PodAccess {
  /** What the container writes; undefined where it has not been started. */
  log(namespace: string, pod: string, container: string): ContainerLog | undefined;
  /** What starts a command with the surroundings of the container. Throws StoreError where there is no such container. */
  exec(target: PodTarget, command: readonly string[], tty: boolean): () => RunningCommand;
  /** The same for what the container's program writes from then on; it takes no input. */
  attach(target: PodTarget): () => RunningCommand;
  /** Connects to ports of the pod, past its proxy. Throws StoreError where it does not run. */
  forward(target: PodTarget): (port: number) => Promise<Socket>;
}
