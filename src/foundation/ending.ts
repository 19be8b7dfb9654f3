// The end of what has parts: each of them is ended, whatever became of those before it.
import { MeshError, messageOf } from './mesh-error.ts';

/**
 * Runs every step when the one before it is done or has failed. `steps`: by what is ended, for people. Throws MeshError ENDED_BADLY at the
 * end, with all that went wrong.
 */
export async function endInOrder(steps: Readonly<Record<string, () => unknown>>): Promise<void> {
  const faults: string[] = [];
  let cause: unknown;
  for (const [what, end] of Object.entries(steps)) {
    try {
      await end();
    } catch (thrown) {
      faults.push(`${what}: ${messageOf(thrown)}`);
      cause ??= thrown;
    }
  }
  if (faults.length > 0) throw new MeshError('ENDED_BADLY', `not all has ended well: ${faults.join('; ')}`, { cause });
}
