// Rules and matches of a VirtualService that no request gets to, as far as they tell by themselves.
import type { HttpMatch, HttpRoute, StringMatch, TcpRoute, TlsRoute, VirtualService } from '../kinds/virtual-service.ts';
import type { Report } from './report.ts';

export function warnOfUnusedRules({ http = [], tcp = [], tls = [] }: VirtualService['spec'], report: Report): void {
  warnOfRepeats(http, 'spec.http', report);
  warnOfRepeats(tcp, 'spec.tcp', report);
  warnOfRepeats(tls, 'spec.tls', report);
  warnOfCoveredPrefixes(http, report);
  warnOfShadowed(http, report);
}

type Rule = HttpRoute | TcpRoute | TlsRoute;

/** The same match a second time never gets a request; nor does a rule all of whose matches are such, nor a second one without any. */
function warnOfRepeats(rules: readonly Rule[], at: string, report: Report): void {
  const first = new Map<string, number>();
  let matchless: number | undefined;
  for (const [index, rule] of rules.entries()) {
    const matches = rule.match ?? [];
    if (matches.length === 0) {
      if (matchless !== undefined) unreachable(`${at}[${index}]`, `${at}[${matchless}] takes everything before it`, report);
      matchless = index;
      continue;
    }
    let repeated = 0;
    for (const [position, match] of matches.entries()) {
      const key = keyOfMatch(match);
      const before = first.get(key);
      if (before === undefined) first.set(key, index);
      else {
        repeated++;
        ineffective(`${at}[${index}].match[${position}]`, `${at}[${before}] has the same match`, report);
      }
    }
    if (repeated === matches.length) unreachable(`${at}[${index}]`, 'all of its matches are used by rules before it', report);
  }
}

function unreachable(field: string, reason: string, report: Report): void {
  report.warning('UNREACHABLE_RULE', field, `never reached: ${reason}`, 'put the rule without match last');
}

function ineffective(field: string, reason: string, report: Report): void {
  report.warning('INEFFECTIVE_MATCH', field, `never decides: ${reason}`);
}

/** Two matches that ask for the same, whatever their names and the order of their fields. */
function keyOfMatch(match: object): string {
  return JSON.stringify(match, (key, value: unknown) => {
    if (key === 'name') return undefined;
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return value;
    return Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)));
  });
}

interface PrefixMatch {
  field: string;
  prefix: string;
  match: HttpMatch;
}

/** A longer prefix after a shorter one gets nothing, where it asks for no more than the shorter one otherwise. */
function warnOfCoveredPrefixes(rules: readonly HttpRoute[], report: Report): void {
  const seen: PrefixMatch[] = [];
  const repeated = new Set<string>();
  for (const [index, rule] of rules.entries()) {
    for (const [position, match] of (rule.match ?? []).entries()) {
      const prefix = match.uri?.prefix;
      const key = keyOfMatch(match);
      if (!prefix || repeated.has(key)) continue;
      repeated.add(key);
      seen.push({ field: `spec.http[${index}].match[${position}]`, prefix, match });
    }
  }
  for (const [index, one] of seen.entries()) {
    for (const other of seen.slice(index + 1)) {
      if (one.prefix !== other.prefix && other.prefix.startsWith(one.prefix) && asksNoMore(one.match, other.match)) {
        ineffective(other.field, `${one.field} takes ${one.prefix} before it`, report);
      }
    }
  }
}

function asksNoMore(one: HttpMatch, other: HttpMatch): boolean {
  const methods: [string, string] = [wantedOf(one.method) || 'exact:GET', wantedOf(other.method) || 'exact:GET'];
  const authorities: [string, string] = [wantedOf(one.authority), wantedOf(other.authority)];
  return (
    one.port === other.port &&
    methods[0].startsWith(methods[1]) &&
    authorities[0].startsWith(authorities[1]) &&
    (['headers', 'queryParams', 'withoutHeaders'] as const).every((name) => conditionsCover(one[name] ?? {}, other[name] ?? {}))
  );
}

type Conditions = Readonly<Record<string, Partial<StringMatch>>>;

function conditionsCover(one: Conditions, other: Conditions): boolean {
  const keys = Object.keys(one);
  if (keys.length !== Object.keys(other).length) return false;
  return keys.every((key) => other[key] !== undefined && wantedOf(one[key]).startsWith(wantedOf(other[key])));
}

function wantedOf(match: Partial<StringMatch> | undefined): string {
  if (match?.exact) return `exact:${match.exact}`;
  return match?.prefix ? `prefix:${match.prefix}` : '';
}

/** A rule without match takes every request: what follows is dead, whether it has matches or not. */
function warnOfShadowed(rules: readonly HttpRoute[], report: Report): void {
  const all = rules.findIndex((rule) => !rule.match?.length);
  const next = all + 1;
  if (all < 0 || next >= rules.length || !rules[next]?.match?.length) return;
  const message = `never reached: spec.http[${all}] takes every request before it`;
  report.warning('SHADOWED_RULE', `spec.http[${next}]`, message, 'put the rule without match last');
}
