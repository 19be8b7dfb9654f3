// An explanation for people. Pure.
import pc from 'picocolors';
import type { Candidate, Destination, Explanation, Headers, Mismatch, NearestMiss, Outcome, Policies } from './explanation.ts';

type Colors = ReturnType<typeof pc.createColors>;

const candidatesShown = 40;
const endpointsShown = 10;
const differencesShown = 10;

export function formatExplanation(explanation: Explanation, color: boolean): string {
  const colors = pc.createColors(color);
  const { call, proxy, listener, routeTable, virtualHost, candidates, outcome } = explanation;
  const facts = [
    ['proxy', proxy],
    ['listener', listener],
    ['routes', routeTable],
    ['host', virtualHost?.name],
  ].flatMap(([name, value]) => (value === undefined ? [] : [`${colors.dim((name ?? '').padEnd(9))}${value}`]));
  const tried = candidates.slice(0, candidatesShown).flatMap((candidate) => formatCandidate(candidate, colors));
  const more = candidates.length > candidatesShown ? [colors.dim(`  … and ${candidates.length - candidatesShown} more`)] : [];
  const title = `${colors.bold(`${call.method} ${call.url}`)}  from ${call.from}`;
  const ways = [
    ...formatOutcome(outcome, colors),
    ...formatGuards(explanation, colors),
    ...formatNearest(explanation, colors),
    ...formatDifferences(explanation, colors),
  ];
  return `${[title, ...facts, '', ...tried, ...more, ...(tried.length > 0 ? [''] : []), ...ways].join('\n')}\n`;
}

function formatCandidate({ origin, name, matched, mismatch }: Candidate, colors: Colors): string[] {
  const title = `${matched ? colors.green('✓') : colors.red('✗')} ${origin}${name && name !== 'default' ? colors.dim(` "${name}"`) : ''}`;
  return mismatch === undefined ? [title] : [title, colors.dim(`    ${formatMismatch(mismatch)}`)];
}

function formatMismatch({ condition, expects, found }: Mismatch): string {
  return `${condition}: wants ${expects}, the request has ${found === undefined ? 'none' : `"${found}"`}`;
}

function formatNearest({ nearest, nearestHosts }: Explanation, colors: Colors): string[] {
  return [
    ...(nearestHosts.length === 0 ? [] : ['', `Did you mean ${nearestHosts.join(', or ')}?`]),
    ...(nearest.length === 0 ? [] : ['', nearest.length === 1 ? 'The nearest route:' : 'The nearest routes:']),
    ...nearest.flatMap((miss) => formatMiss(miss, colors)),
  ];
}

const verdicts = { passes: 'lets it pass', refuses: 'refuses it', depends: 'depends' } as const;

function formatGuards({ guards, unpatched }: Explanation, colors: Colors): string[] {
  const lines = guards.map(({ proxy, filter, verdict, reason }) => {
    const color = verdict === 'refuses' ? colors.red : verdict === 'depends' ? colors.yellow : colors.dim;
    return `  ${filter} of ${proxy}: ${color(verdicts[verdict])} (${reason})`;
  });
  return [
    ...(lines.length === 0 ? [] : ['', 'On the way:', ...lines]),
    ...(unpatched === undefined ? [] : ['', colors.yellow(`EnvoyFilters are left out: ${unpatched}`)]),
  ];
}

function formatDifferences({ differences }: Explanation, colors: Colors): string[] {
  if (differences === undefined) return [];
  if (differences.length === 0) return ['', colors.dim('This is what the proxy holds, and what the control plane would give it.')];
  const shown = differences.slice(0, differencesShown).join(', ');
  const more = differences.length > differencesShown ? ` and ${differences.length - differencesShown} more` : '';
  return ['', colors.yellow(`This is what the proxy holds. The control plane would give it otherwise: ${shown}${more}.`)];
}

function formatMiss({ origin, name, remedies }: NearestMiss, colors: Colors): string[] {
  const title = `  ${origin}${name && name !== 'default' ? colors.dim(` "${name}"`) : ''}`;
  return [title, ...remedies.map((remedy) => `    ${remedy}`)];
}

function formatOutcome(outcome: Outcome, colors: Colors): string[] {
  switch (outcome.kind) {
    case 'forward':
      return [
        ...outcome.destinations.flatMap((destination) => formatDestination(destination, colors)),
        ...formatPolicies(outcome.policies).map((line) => colors.dim(`         ${line}`)),
      ];
    case 'redirect':
      return [`→ ${outcome.status} redirect to ${outcome.location}`];
    case 'direct':
      return [`→ ${outcome.status} answered by the proxy${outcome.body ? `: ${outcome.body.slice(0, 80)}` : ''}`];
    case 'none':
      return [`→ ${outcome.status === undefined ? 'no connection' : outcome.status}: ${outcome.message}`];
  }
}

/** What becomes of a call, without endpoints: a line per destination, and one with what is done on the way. */
export function formatHeadline(outcome: Outcome, color: boolean): string[] {
  const colors = pc.createColors(color);
  if (outcome.kind !== 'forward') return formatOutcome(outcome, colors);
  const ways = outcome.destinations.map((destination) => {
    const { share, known, headers } = destination;
    const dead = known ? '' : ' (503: not defined)';
    return [`→ ${percent(share)} ${colors.bold(nameOf(destination))}${dead}`, ...formatHeaders(headers)].join(', ');
  });
  const policies = formatPolicies(outcome.policies);
  return [...ways, ...(policies.length > 0 ? [policies.join(', ')] : [])];
}

function formatDestination(destination: Destination, colors: Colors): string[] {
  const { host, share, known, endpoints, headers } = destination;
  const title = `→ ${percent(share).padStart(5)}  ${colors.bold(nameOf(destination))}`;
  return [
    title,
    ...formatEndpoints(known, host, endpoints, colors),
    ...formatHeaders(headers).map((line) => colors.dim(`         ${line}`)),
  ];
}

function nameOf({ cluster, host, port, subset }: Destination): string {
  return host === undefined ? cluster : `${host}:${port}${subset === undefined ? '' : ` subset ${subset}`}`;
}

function percent(share: number): string {
  return `${Number((share * 100).toFixed(1))}%`;
}

function formatEndpoints(known: boolean, host: string | undefined, endpoints: Destination['endpoints'], colors: Colors): string[] {
  if (!known) return [colors.red('         503: this subset or port is not defined')];
  if (endpoints.length === 0) return host === undefined ? [] : [colors.red('         503: no endpoint')];
  return endpoints
    .slice(0, endpointsShown)
    .map(({ address, workload, healthy }) => colors.dim(`         ${address} ${workload}${healthy ? '' : ' (unhealthy)'}`));
}

function formatPolicies({ timeoutMs, retries, fault, path, authority, mirrors = [], headers }: Policies): string[] {
  const lines = [
    ...(path === undefined ? [] : [`path rewritten to ${path}`]),
    ...(authority === undefined ? [] : [`authority rewritten to ${authority}`]),
    ...(fault?.abort ? [`fault: ${fault.abort.httpStatus} for ${fault.abort.fraction * 100}% of requests`] : []),
    ...(fault?.delay ? [`fault: ${fault.delay.fixedMs} ms late for ${fault.delay.fraction * 100}% of requests`] : []),
    ...(timeoutMs === undefined ? [] : [`timeout ${timeoutMs} ms`]),
    ...(retries === undefined ? [] : [`retries ${retries.attempts} on ${retries.on}`]),
    ...mirrors.map(
      (mirror) => `mirror ${percent(mirror.share)} to ${nameOf(mirror)}${mirror.known ? '' : ' (not defined: no copy is sent)'}`,
    ),
    ...formatHeaders(headers),
  ];
  return lines;
}

function formatHeaders(headers: Headers | undefined): string[] {
  return Object.entries(headers ?? {}).flatMap(([side, operations]) =>
    Object.entries(operations ?? {}).map(([name, value]) => `${side} header ${name} ${value === null ? 'removed' : `= ${value}`}`),
  );
}
