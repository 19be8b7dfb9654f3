// Prints what met what as one table, at the end of `npm run test:peers`. A pair is a test named `client -> peer`, in a suite named by protocols.
import Table from 'cli-table3';
import type { Reporter, TestCase, TestModule } from 'vitest/node';

export default class PairTable implements Reporter {
  onTestRunEnd(modules: readonly TestModule[]): void {
    const tests = modules.flatMap((module) => [...module.children.allTests()]);
    const table = new Table({ head: ['protocols', 'client', 'behind Lateen', 'outcome'], style: { head: [], border: [], compact: true } });
    for (const test of tests) table.push([...pairOf(test), outcomeOf(test)]);
    const passed = tests.filter((test) => test.result().state === 'passed').length;
    process.stdout.write(`${table.toString()}\n${passed} of ${tests.length} pairs work\n`);
  }
}

function pairOf({ name, parent }: TestCase): [string, string, string] {
  const [client = '', peer = ''] = name.split(' -> ');
  return [parent.type === 'suite' ? parent.name : '', client, peer];
}

function outcomeOf(test: TestCase): string {
  const result = test.result();
  if (result.state === 'skipped') return `left out: ${result.note ?? ''}`;
  return result.state === 'passed' ? 'works' : 'FAILS';
}
