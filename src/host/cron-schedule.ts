// The five fields of cron: minute, hour, day of month, month, day of week, in UTC. Pure. With names of days and months, lists, ranges, steps
// and the usual @words.

const words: Readonly<Record<string, string>> = {
  '@yearly': '0 0 1 1 *',
  '@annually': '0 0 1 1 *',
  '@monthly': '0 0 1 * *',
  '@weekly': '0 0 * * 0',
  '@daily': '0 0 * * *',
  '@midnight': '0 0 * * *',
  '@hourly': '0 * * * *',
};
const days = ['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat'];
const months = ['jan', 'feb', 'mar', 'apr', 'may', 'jun', 'jul', 'aug', 'sep', 'oct', 'nov', 'dec'];

interface Schedule {
  minutes: ReadonlySet<number>;
  hours: ReadonlySet<number>;
  daysOfMonth: ReadonlySet<number>;
  months: ReadonlySet<number>;
  daysOfWeek: ReadonlySet<number>;
  /** With both given, either suffices. */
  eitherDay: boolean;
}

const minuteMs = 60_000;
/** Four years and a day hold every day that there can be. */
const minutesMax = (4 * 365 + 2) * 24 * 60;

/** The last moment of the schedule in (afterMs, untilMs]; undefined where there is none, or the text is no schedule. */
export function lastScheduled(text: string, afterMs: number, untilMs: number): number | undefined {
  const schedule = parseSchedule(text);
  if (!schedule) return undefined;
  let at = Math.floor(untilMs / minuteMs) * minuteMs;
  for (let i = 0; i < minutesMax && at > afterMs; i++, at -= minuteMs) if (falls(schedule, new Date(at))) return at;
  return undefined;
}

/** Undefined where the text is no schedule. */
export function parseSchedule(text: string): Schedule | undefined {
  const fields = (words[text.trim()] ?? text).trim().toLowerCase().split(/\s+/);
  const [minute = '', hour = '', day = '', month = '', weekday = ''] = fields;
  const minutes = valuesOf(minute, 0, 59);
  const hours = valuesOf(hour, 0, 23);
  const daysOfMonth = valuesOf(day, 1, 31);
  const ofMonths = valuesOf(month, 1, 12, months, 1);
  const weekdays = valuesOf(weekday, 0, 7, days);
  if (fields.length !== 5 || !minutes || !hours || !daysOfMonth || !ofMonths || !weekdays) return undefined;
  const daysOfWeek = new Set([...weekdays].map((value) => value % 7));
  return { minutes, hours, daysOfMonth, months: ofMonths, daysOfWeek, eitherDay: !day.startsWith('*') && !weekday.startsWith('*') };
}

function falls(schedule: Schedule, at: Date): boolean {
  const day = schedule.daysOfMonth.has(at.getUTCDate());
  const weekday = schedule.daysOfWeek.has(at.getUTCDay());
  return (
    schedule.minutes.has(at.getUTCMinutes()) &&
    schedule.hours.has(at.getUTCHours()) &&
    schedule.months.has(at.getUTCMonth() + 1) &&
    (schedule.eitherDay ? day || weekday : day && weekday)
  );
}

function valuesOf(field: string, low: number, high: number, names: readonly string[] = [], nameBase = 0): Set<number> | undefined {
  const values = new Set<number>();
  for (const part of field.split(',')) {
    const [, range = '', step = '1'] = /^([^/]+)(?:\/(\d+))?$/.exec(part) ?? [];
    const [from, to] = boundsOf(range, low, high, names, nameBase, part.includes('/'));
    const by = Number(step);
    if (from === undefined || to === undefined || from < low || to > high || from > to || by < 1) return undefined;
    for (let value = from; value <= to; value += by) values.add(value);
  }
  return values;
}

function boundsOf(
  range: string,
  low: number,
  high: number,
  names: readonly string[],
  nameBase: number,
  stepped: boolean,
): [from: number | undefined, to: number | undefined] {
  if (range === '*' || range === '?') return [low, high];
  const number = (text: string) => (/^\d+$/.test(text) ? Number(text) : names.includes(text) ? names.indexOf(text) + nameBase : undefined);
  const [first = '', last] = range.split('-');
  const from = number(first);
  return [from, last === undefined ? (stepped ? high : from) : number(last)];
}
