// The end of a name that is made up: five characters without vowels, as Kubernetes takes them.
import type { Random } from './random.ts';

const letters = 'bcdfghjklmnpqrstvwxz2456789';

export function nameSuffix(random: Random): string {
  return Array.from({ length: 5 }, () => letters[Math.floor(random.next() * letters.length)]).join('');
}
