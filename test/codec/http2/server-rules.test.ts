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

describe('the codec, as a server', () => {
  test('there are at least 150 rules, each once', () => {
    const names = serverRules.map(({ section, what }) => `${section} ${what}`);
    expect(new Set(names).size).toBeGreaterThanOrEqual(150);
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
