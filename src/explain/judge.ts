// Whether an explanation is what a route test expects. Pure.
import { durationMs } from '#foundation/duration';
import type { Expected } from './expected.ts';
import type { Destination, Explanation, Headers, Outcome, Policies } from './explanation.ts';

/** What came back of a call that was sent, and which clusters the proxy asked meanwhile. */
interface Answer {
  status: number;
  location: string | undefined;
  body: string;
  asked: ReadonlySet<string>;
}

/**
 * The same of a call that was sent: the answer must be the expected one, and the one explained; the rest is judged by what the proxy
 * held (`explanation`).
 */
export function judgeAnswer(expect: Expected, explanation: Explanation, answer: Answer): string[] {
  const { status, redirect, body, ...held } = expect;
  const { outcome } = explanation;
  const failures = new Failures();
  failures.compare('status', status ?? answerOf(explanation), answer.status);
  failures.compare('redirect', redirect ?? (outcome.kind === 'redirect' ? outcome.location : undefined), answer.location);
  failures.compare('body', body ?? (outcome.kind === 'direct' ? outcome.body : undefined), answer.body);
  const clusters =
    outcome.kind === 'forward' && answerOf(explanation) === undefined ? outcome.destinations.map(({ cluster }) => cluster) : [];
  const aborted = outcome.kind === 'forward' && outcome.policies.fault?.abort?.httpStatus === answer.status;
  if (clusters.length > 0 && !aborted && !clusters.some((cluster) => answer.asked.has(cluster))) {
    failures.add('the proxy', `to ask ${clusters.join(' or ')}`, [...answer.asked].join(', ') || 'no request to any cluster');
  }
  return [...failures.list, ...judge(held, explanation)];
}

/** What differs, in sentences; none: the test passes. */
export function judge(expect: Expected, explanation: Explanation): string[] {
  const { call, outcome } = explanation;
  const destinations = outcome.kind === 'forward' ? outcome.destinations : [];
  const policies = outcome.kind === 'forward' ? outcome.policies : {};
  const failures = new Failures();
  judgeWay(expect, outcome, destinations, failures);
  failures.compare('status', expect.status, answerOf(explanation));
  failures.compare('redirect', expect.redirect, outcome.kind === 'redirect' ? outcome.location : undefined);
  failures.compare('body', expect.body, outcome.kind === 'direct' ? outcome.body : undefined);
  if (outcome.kind === 'forward') {
    const { pathname, search, host } = new URL(call.url.includes('://') ? call.url : `http://${call.url}`);
    failures.compare('path', expect.path, policies.path ?? pathname + search);
    failures.compare('authority', expect.authority, policies.authority ?? host);
  }
  judgeHeaders(expect, destinations, policies, failures);
  judgePatience(expect, policies, failures);
  judgeFault(expect.fault, policies.fault, failures);
  if (expect.mirror !== undefined) judgeMirrors(expect.mirror, policies.mirrors ?? [], failures);
  return failures.list;
}

class Failures {
  readonly list: string[] = [];

  /** What is not expected is not compared. */
  compare(what: string, wanted: string | number | undefined, got: string | number | undefined): void {
    if (wanted !== undefined && wanted !== got) this.add(what, `${wanted}`, got === undefined ? 'none' : `${got}`);
  }

  add(what: string, wanted: string, got: string): void {
    this.list.push(`${what}: expected ${wanted}, got ${got}`);
  }
}

function judgeWay(expect: Expected, outcome: Outcome, destinations: readonly Destination[], failures: Failures): void {
  const { reaches, subset, port, weights, workloads } = expect;
  const got = () => destinations.map(nameOf).join(', ') || describe(outcome);
  if (reaches !== undefined && !destinations.some((destination) => isHost(destination, reaches))) failures.add('reaches', reaches, got());
  if (subset !== undefined && !(destinations.length === 1 && destinations[0]?.subset === subset)) {
    const subsets = destinations.map((destination) => destination.subset ?? 'none').join(', ');
    failures.add('subset', `${subset} alone`, subsets || describe(outcome));
  }
  failures.compare('port', port, destinations[0]?.port);
  if (workloads !== undefined) {
    const found = new Set(destinations.flatMap(({ endpoints }) => endpoints.map(({ workload }) => workload)));
    failures.compare('workloads', [...workloads].sort().join(', ') || 'none', [...found].sort().join(', ') || 'none');
  }
  if (weights !== undefined) {
    // A destination without a subset is called by its host, as the test calls it.
    const called = (destination: Destination) => Object.keys(weights).find((name) => isHost(destination, name)) ?? nameOf(destination);
    const shares = destinations.map((destination) => [destination.subset ?? called(destination), destination.share] as const);
    judgeShares('weights', weights, shares, failures);
  }
}

function judgeShares(
  what: string,
  wanted: Readonly<Record<string, number>>,
  shares: readonly (readonly [name: string, share: number])[],
  failures: Failures,
): void {
  const got = new Map<string, number>();
  for (const [name, share] of shares) got.set(name, (got.get(name) ?? 0) + Math.round(share * 10_000) / 100);
  for (const name of new Set([...Object.keys(wanted), ...got.keys()])) {
    const [left = 0, right = 0] = [wanted[name], got.get(name)];
    if (left !== right) failures.add(what, `${name} ${left}%`, `${right}%`);
  }
}

function judgeHeaders(expect: Expected, destinations: readonly Destination[], policies: Policies, failures: Failures): void {
  // Where there are several destinations, what each of them does to headers is a matter of chance: only what they share counts.
  const [only, ...others] = destinations;
  const ofDestination = others.length === 0 ? only?.headers : undefined;
  const judgeSide = (side: keyof Headers, wanted: Expected['requestHeaders']) => {
    if (wanted === undefined) return;
    const got: Record<string, string | null> = { ...policies.headers?.[side], ...ofDestination?.[side] };
    const write = (value: string | null | undefined) => (value === undefined ? 'untouched' : value === null ? 'removed' : `"${value}"`);
    if (wanted === 'none') {
      for (const [name, value] of Object.entries(got)) failures.add(`${side} header ${name}`, 'untouched', write(value));
      return;
    }
    for (const [name, value] of Object.entries(wanted)) {
      const found = got[name.toLowerCase()];
      if (found !== value) failures.add(`${side} header ${name}`, write(value), write(found));
    }
  };
  judgeSide('request', expect.requestHeaders);
  judgeSide('response', expect.responseHeaders);
}

function judgePatience({ timeout, retries }: Expected, policies: Policies, failures: Failures): void {
  const ms = (text: string | undefined) => (text === undefined ? undefined : text === 'none' ? 0 : durationMs(text));
  failures.compare('timeout', ms(timeout), policies.timeoutMs ?? 0);
  const { attempts, perTryTimeout, on } = typeof retries === 'number' ? { attempts: retries } : { ...retries };
  failures.compare('retries', attempts, policies.retries?.attempts ?? 0);
  failures.compare('retries.perTryTimeout', ms(perTryTimeout), policies.retries?.perTryTimeoutMs ?? 0);
  failures.compare('retries.on', on, policies.retries?.on);
}

function judgeFault(wanted: Expected['fault'], got: Policies['fault'], failures: Failures): void {
  if (wanted === undefined) return;
  const { delay, abort } = wanted === 'none' ? {} : wanted;
  const wantedDelay = typeof delay === 'string' ? { after: delay, percent: 100 } : delay;
  const wantedAbort = typeof abort === 'number' ? { status: abort, percent: 100 } : abort;
  const both = wanted === 'none';
  const delayText = (ms: number | undefined, percent: number) => `${ms} ms for ${percent}%`;
  const percentOf = (fraction: number) => Number((fraction * 100).toFixed(4));
  if (both || wantedDelay) {
    const left = wantedDelay ? delayText(durationMs(wantedDelay.after), wantedDelay.percent) : 'none';
    failures.compare('fault.delay', left, got?.delay ? delayText(got.delay.fixedMs, percentOf(got.delay.fraction)) : 'none');
  }
  if (both || wantedAbort) {
    const left = wantedAbort ? `${wantedAbort.status} for ${wantedAbort.percent}%` : 'none';
    failures.compare('fault.abort', left, got?.abort ? `${got.abort.httpStatus} for ${percentOf(got.abort.fraction)}%` : 'none');
  }
}

function judgeMirrors(expected: NonNullable<Expected['mirror']>, mirrors: readonly Destination[], failures: Failures): void {
  const wanted = expected === 'none' ? {} : typeof expected === 'string' ? { [expected]: 100 } : expected;
  // A mirror is called as the test calls it, where it does.
  const shares = mirrors.map((mirror) => {
    const called = Object.keys(wanted).find((name) => {
      const [host = '', subset] = name.split('/', 2);
      return isHost(mirror, host) && mirror.subset === subset;
    });
    return [called ?? nameOf(mirror), mirror.share] as const;
  });
  judgeShares('mirror', wanted, shares, failures);
}

/** Undefined where the upstream decides. */
/** The same with what guards refuse: the caller's own, or those of its only destination. Undefined: the workload answers. */
function answerOf({ outcome, guards, proxy }: Explanation): number | undefined {
  const status = statusOf(outcome);
  const only = outcome.kind === 'forward' && outcome.destinations.length === 1;
  const refused = guards.find((guard) => guard.status !== undefined && (guard.proxy === proxy || (only && status === undefined)));
  return refused?.status ?? status;
}

export function statusOf(outcome: Outcome): number | undefined {
  if (outcome.kind !== 'forward') return outcome.status;
  const { abort } = outcome.policies.fault ?? {};
  if (abort !== undefined && abort.fraction >= 1) return abort.httpStatus;
  const dead = outcome.destinations.every(({ known, endpoints, host }) => host !== undefined && (!known || endpoints.length === 0));
  return dead ? 503 : undefined;
}

function isHost({ host, cluster }: Destination, wanted: string): boolean {
  return cluster === wanted || host === wanted || shortName(host) === wanted || (host?.startsWith(`${wanted}.`) ?? false);
}

function shortName(host: string | undefined): string {
  return host?.split('.', 1)[0] ?? '';
}

function nameOf({ host, subset, cluster }: Destination): string {
  return host === undefined ? cluster : `${host}${subset === undefined ? '' : ` subset ${subset}`}`;
}

function describe(outcome: Outcome): string {
  if (outcome.kind === 'forward') return outcome.destinations.map(nameOf).join(', ');
  if (outcome.kind === 'none') return `${outcome.status ?? 'no connection'} (${outcome.message})`;
  return `${outcome.status} (${outcome.kind})`;
}
