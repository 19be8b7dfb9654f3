// The command line as a function: arguments in; what it writes, and its exit code, out.
import type { CliContext } from '#cli/context';
import { createProgram } from '#cli/program';
import { ManualClock } from '#foundation/clock';

/** Nobody listens there. */
export const nobody = 'http://127.0.0.1:1';

export async function runCli(args: string[], context: Partial<CliContext> = {}): Promise<{ stdout: string; stderr: string; code: number }> {
  let stdout = '';
  let stderr = '';
  const { run } = createProgram({
    version: '0.0.0',
    clock: new ManualClock(),
    stdout: (text) => void (stdout += text),
    stderr: (text) => void (stderr += text),
    readStdin: async () => '',
    color: false,
    apiUrl: nobody,
    debugUrl: nobody,
    ...context,
  });
  const code = await run(args);
  return { stdout, stderr, code };
}
