// Where nothing takes a call: the routes that miss it by the least and what would make them take it, and the hosts that are called
// nearly like one that nobody knows. Pure.

import { nearest } from '#api/nearest';
import { Regex } from '#codec/regex';
import type { RoutedRequest } from '#proxy/route/route';
import { pathnameOf, type UnmetCondition, unmetConditions } from '#proxy/route/route-match';
import type { RouteTable, VirtualHost } from '#proxy/route/route-table';
import type { NearestMiss } from './explanation.ts';
import { exampleOf } from './regex-example.ts';

const missesMax = 5;
const hostsMax = 3;

/** Of the routes of one host, those with the fewest conditions that do not hold; among them, those whose path has more in common. */
export function nearestMisses({ name, routes }: VirtualHost, request: RoutedRequest): NearestMiss[] {
  const pathname = pathnameOf(request.path);
  const misses = routes.map(({ match, route }) => ({ route, unmet: [...unmetConditions(match, request, pathname)] }));
  const least = Math.min(...misses.map(({ unmet }) => unmet.length));
  return misses
    .filter(({ unmet }) => unmet.length === least)
    .map((miss) => ({ ...miss, shared: sharedPath(miss.unmet, pathname) }))
    .sort((a, b) => b.shared - a.shared)
    .slice(0, missesMax)
    .map(({ route, unmet }) => ({
      origin: route.origin ?? `${name} (no rule of a VirtualService)`,
      name: route.name,
      mismatches: unmet.map(({ condition, expects, found }) => ({ condition, expects, found })),
      remedies: unmet.map(remedy),
    }));
}

/** How many characters the path has in common with the one that is asked for; a path that is right has all. */
function sharedPath(unmet: readonly UnmetCondition[], pathname: string): number {
  const path = unmet.find(({ subject }) => subject === ':path');
  if (path === undefined) return pathname.length + 1;
  const wanted = path.wants.kind === 'value' ? (exampleText(path.wants.sample) ?? '') : '';
  let shared = 0;
  while (shared < wanted.length && wanted[shared] === pathname[shared]) shared++;
  return shared;
}

/** As an argument of `lateen explain`, where there is one. */
function remedy({ subject, condition, expects, found, wants }: UnmetCondition): string {
  if (subject === undefined) return `${condition}: ${expects}`;
  if (wants.kind === 'absent') return `leave ${condition} out`;
  if (wants.kind === 'other') return `give ${condition} another value than "${found ?? ''}"`;
  const example = wants.kind === 'present' ? 'anything' : exampleText(wants.sample);
  if (example === undefined) return `give ${condition} a value: ${expects}`;
  if (subject === ':method') return `-X ${example}`;
  if (subject === ':path') return `ask for ${example}${expects.startsWith('prefix') ? '…' : ''}`;
  if (subject === ':authority') return `add -H 'host: ${example}'`;
  if (subject === ':scheme') return `ask by ${example}://`;
  if (subject.startsWith('?')) return `add ${subject}=${example} to the URL`;
  return `${found === undefined ? 'add' : 'change to'} -H '${subject}: ${example}'`;
}

/** A value that passes. */
export function exampleText(sample: string | Regex | undefined): string | undefined {
  return sample instanceof Regex ? exampleOf(sample) : sample;
}

/** Domains of the table that are written nearly like `authority`, best first, each host once. Ports are compared as well. */
export function nearestHosts(table: RouteTable | undefined, authority: string): string[] {
  const rest = new Map((table?.virtualHosts ?? []).flatMap((host) => host.domains.map((domain) => [domain, host] as const)));
  rest.delete('*');
  const found: string[] = [];
  while (found.length < hostsMax) {
    const domain = nearest(authority, rest.keys());
    const host = domain === undefined ? undefined : rest.get(domain);
    if (domain === undefined || host === undefined) break;
    found.push(domain);
    for (const own of host.domains) rest.delete(own);
  }
  return found;
}
