// The rules of server-rules.ts, against the codec alone: whole, and one byte at a time.
import { describe, expect, test } from 'vitest';
import { EchoServer } from './echo-server.ts';
import { type Frames, ping } from './frames.ts';
import { type Rule, ruleLimits, serverRules } from './server-rules.ts';

function check({ expect: expected }: Rule, frames: Frames, probe: string): void {
  const { goaway, resets, answered } = frames;
  if ('goaway' in expected) {
    expect({ goaway }).toEqual(expected);
    return;
  }
  expect({ goaway, pongs: frames.pongs(probe) }).toEqual({ goaway: undefined, pongs: 1 });
  if ('reset' in expected) expect(resets).toEqual(expected.reset);
  if ('answered' in expected) expect(answered).toEqual(expect.arrayContaining(expected.answered));
  if ('alive' in expected) expect(resets).toEqual([]);
}

/** Of RFC 9113 and 7541, where h2spec asks something: its sections 3.5 to 8.2 are of RFC 7540, 8.1.2 there is 8.2 and 8.3 here. */
const sections = [
  ...[
    '3.4',
    '4.1',
    '4.2',
    '4.3',
    '5.1',
    '5.1.1',
    '5.1.2',
    '5.3.2',
    '5.4.1',
    '5.5',
    '6.1',
    '6.2',
    '6.3',
    '6.4',
    '6.5',
    '6.5.2',
    '6.6',
    '6.7',
  ],
  ...['6.8', '6.9', '6.9.1', '6.9.2', '6.10', '7', '8.1', '8.1.1', '8.2', '8.2.1', '8.2.2', '8.3', '8.3.1', '10.5'],
  ...['2.3.3', '4.2', '5.2', '6.1', '6.2.3', '6.3'].map((section) => `RFC 7541 ${section}`),
];

describe('the codec, as a server', () => {
  test('there are at least 150 rules, each once', () => {
    const names = serverRules.map(({ section, what }) => `${section} ${what}`);
    expect(new Set(names).size).toBeGreaterThanOrEqual(150);
    expect(serverRules.map(({ section }) => section)).toEqual(expect.arrayContaining(sections));
  });

  test.each(serverRules.map((rule) => [`${rule.section}: ${rule.what}`, rule] as const))('%s', (_name, rule) => {
    const whole = new EchoServer(ruleLimits);
    whole.feed(rule.send);
    whole.answer();
    whole.feed(ping('probing!'));
    check(rule, whole.frames, 'probing!');

    const slow = new EchoServer(ruleLimits);
    for (const byte of rule.send) slow.feed(Buffer.from([byte]));
    slow.answer();
    slow.feed(ping('probing!'));
    check(rule, slow.frames, 'probing!');
  });
});
