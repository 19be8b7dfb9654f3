// What the API gives of a running pod beside its object: the lines its containers wrote, and commands inside of it. Implemented by the host.

export interface RunningCommand {
  stdin: NodeJS.WritableStream;
  stdout: NodeJS.ReadableStream;
  stderr: NodeJS.ReadableStream;
  /** Called once, with the exit code; 128 and more for a signal. */
  onExit(listener: (code: number) => void): void;
  kill(): void;
}

export interface PodAccess {
  /** The file to which the container writes; undefined where it has not been started. */
  logFile(namespace: string, pod: string, container: string): string | undefined;
  /** Starts a command with the surroundings of the container. Throws StoreError where there is no such container. */
  exec(namespace: string, pod: string, container: string, command: readonly string[]): RunningCommand;
}
