// A process that stands still for a while, as one does that has no processor.

/** Does `act` while the process is stopped; it goes on afterwards, however that ended. */
export async function whileStopped<T>(pid: number, act: () => Promise<T>): Promise<T> {
  process.kill(pid, 'SIGSTOP');
  try {
    return await act();
  } finally {
    process.kill(pid, 'SIGCONT');
  }
}
