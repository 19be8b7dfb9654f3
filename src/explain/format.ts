// An explanation for people. Pure.
import pc from 'picocolors';
import type { Candidate, Explanation } from './explain.ts';
import type { Destination, Outcome, Policies } from './outcome.ts';

type Colors = ReturnType<typeof pc.createColors>;

const candidatesShown = 40;

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
  return `${[title, ...facts, '', ...tried, ...more, ...(tried.length > 0 ? [''] : []), ...formatOutcome(outcome, colors)].join('\n')}\n`;
}

function formatCandidate({ origin, name, matched, mismatch }: Candidate, colors: Colors): string[] {
  const title = `${matched ? colors.green('✓') : colors.red('✗')} ${origin}${name && name !== 'default' ? colors.dim(` "${name}"`) : ''}`;
  if (mismatch === undefined) return [title];
  const { condition, expects, found } = mismatch;
  return [title, colors.dim(`    ${condition}: wants ${expects}, the request has ${found === undefined ? 'none' : `"${found}"`}`)];
}

function formatOutcome(outcome: Outcome, colors: Colors): string[] {
  switch (outcome.kind) {
    case 'forward':
      return [
        ...outcome.destinations.flatMap((destination) => formatDestination(destination, colors)),
        ...formatPolicies(outcome.policies, colors),
      ];
    case 'redirect':
      return [`→ ${outcome.status} redirect to ${outcome.location}`];
    case 'direct':
      return [`→ ${outcome.status} answered by the proxy${outcome.body ? `: ${outcome.body.slice(0, 80)}` : ''}`];
    case 'none':
      return [`→ ${outcome.status === undefined ? 'no connection' : outcome.status}: ${outcome.message}`];
  }
}

function formatDestination({ cluster, host, subset, port, share, known, endpoints }: Destination, colors: Colors): string[] {
  const percent = `${(share * 100).toFixed(share === 1 || (share * 100) % 1 === 0 ? 0 : 1)}%`.padStart(5);
  const name = host === undefined ? cluster : `${host}:${port}${subset === undefined ? '' : ` subset ${subset}`}`;
  const title = `→ ${percent}  ${colors.bold(name)}`;
  if (!known) return [title, colors.red('         503: this subset or port is not defined')];
  if (endpoints.length === 0) return [title, host === undefined ? '' : colors.red('         503: no endpoint')].filter(Boolean);
  return [
    title,
    ...endpoints
      .slice(0, 10)
      .map(({ address, workload, healthy }) => colors.dim(`         ${address} ${workload}${healthy ? '' : ' (unhealthy)'}`)),
  ];
}

function formatPolicies({ timeoutMs, retries, fault, path, authority }: Policies, colors: Colors): string[] {
  const lines = [
    ...(path === undefined ? [] : [`path rewritten to ${path}`]),
    ...(authority === undefined ? [] : [`authority rewritten to ${authority}`]),
    ...(fault?.abort ? [`fault: ${fault.abort.httpStatus} for ${fault.abort.fraction * 100}% of requests`] : []),
    ...(fault?.delay ? [`fault: ${fault.delay.fixedMs} ms late for ${fault.delay.fraction * 100}% of requests`] : []),
    ...(timeoutMs === undefined ? [] : [`timeout ${timeoutMs} ms`]),
    ...(retries === undefined ? [] : [`retries ${retries.attempts} on ${retries.on}`]),
  ];
  return lines.map((line) => colors.dim(`         ${line}`));
}
