// Times as access logs print them: strftime's letters, with Envoy's `%3f` for parts of a second. UTC. Pure.

const months = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];
const days = ['Sun', 'Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat'];
const two = (value: number) => String(value).padStart(2, '0');

const letters: Readonly<Record<string, (date: Date) => string>> = {
  Y: (date) => String(date.getUTCFullYear()),
  y: (date) => two(date.getUTCFullYear() % 100),
  m: (date) => two(date.getUTCMonth() + 1),
  b: (date) => months[date.getUTCMonth()]!,
  d: (date) => two(date.getUTCDate()),
  e: (date) => String(date.getUTCDate()).padStart(2, ' '),
  a: (date) => days[date.getUTCDay()]!,
  H: (date) => two(date.getUTCHours()),
  M: (date) => two(date.getUTCMinutes()),
  S: (date) => two(date.getUTCSeconds()),
  T: (date) => date.toISOString().slice(11, 19),
  F: (date) => date.toISOString().slice(0, 10),
  Z: () => 'UTC',
  z: () => '+0000',
  s: (date) => String(Math.floor(date.getTime() / 1000)),
  '%': () => '%',
};

/** `%Y-%m-%dT%H:%M:%S.%3fZ`; a letter that is not known stays as it is. */
export function formatTime(wallMs: number, format: string): string {
  const date = new Date(wallMs);
  return format.replace(/%(\d?)f|%([A-Za-z%])/g, (whole, digits: string | undefined, letter: string | undefined) => {
    if (letter === undefined)
      return String(date.getUTCMilliseconds())
        .padStart(3, '0')
        .padEnd(9, '0')
        .slice(0, Number(digits) || 9);
    return letters[letter]?.(date) ?? whole;
  });
}
