// Waiting for what takes its time, with an end: asks again and again until the answer is yes.

const pollMs = 15;

/**
 * Asks until the answer is true, and resolves. Any other answer, and a failure, is what the error says when `msMax` is over.
 */
export async function until(what: string, ask: () => unknown | Promise<unknown>, msMax = 15_000): Promise<void> {
  const end = performance.now() + msMax;
  for (;;) {
    let answer: unknown;
    try {
      answer = await ask();
    } catch (thrown) {
      answer = thrown instanceof Error ? thrown.message : thrown;
    }
    if (answer === true) return;
    if (performance.now() > end)
      throw new Error(`waited ${msMax} ms until ${what}; last: ${typeof answer === 'string' ? answer : JSON.stringify(answer)}`);
    await new Promise((resolve) => setTimeout(resolve, pollMs));
  }
}
