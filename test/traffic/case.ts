// What a case of the traffic tables is: resources, calls, and what must come of each. A case names the fields that it shows.
import { existsSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';
import http from 'node:http';
import { expect } from 'vitest';
import { until } from '../integration/until.ts';
import type { Call, Reply, Seen, TrafficMesh } from './traffic-mesh.ts';

/** What calls are made in: a mesh, or what stands in for one. */
export type CallingMesh = Pick<TrafficMesh, 'call' | 'seen'> & Partial<Pick<TrafficMesh, 'proxyOf'>>;

export interface Case {
  name: string;
  /** Kind and path: `VirtualService http[].timeout`. Each is in `yaml`. */
  fields: readonly string[];
  yaml: string;
  calls: readonly Expectation[];
}

export interface Expectation extends Call {
  /** Of the same call: one after the other, or, of very many, some at once over connections that are kept. */
  times?: number;
  /** Standard deviations that a split may be off; 3 unless whoever chooses has no seed. */
  deviations?: number;
  /** Of the same call, at once. */
  together?: number;
  expect: Outcome;
}

export interface Outcome {
  /** There is no answer, and the client is told why. */
  fails?: RegExp;
  /** 200 unless said. */
  status?: number;
  /** Of calls made together, sorted: the first ones. */
  statuses?: readonly number[];
  /** The workload that answered; or of several, the part of the calls that each is to answer, within `splitTolerance`. */
  reaches?: string | Readonly<Record<string, number>>;
  /** What the workload saw. */
  url?: string;
  method?: string;
  /** Of the request, as the workload saw them; undefined: not there. */
  headers?: Readonly<Record<string, string | undefined>>;
  /** Of the connection to the workload. */
  connection?: Pick<Seen, 'httpVersion' | 'serverName' | 'clientName' | 'proxyHeader'>;
  /** The SPIFFE id that the workload’s proxy saw in the client's certificate. */
  peer?: string;
  /** Of the response. */
  responseHeaders?: Readonly<Record<string, string | undefined>>;
  body?: string;
  /** Of `set-cookie`. */
  responseCookie?: RegExp;
  /** Workloads that see the same request beside the one that answers it, in order of their names. */
  copies?: readonly string[];
  /** All calls reach the same workload, whichever it is. */
  sticks?: true;
  /** Each call comes by a connection of its own. */
  connects?: true;
  /** Counters of the client's proxy, as they stand afterwards. */
  counted?: Readonly<Record<string, number | undefined>>;
  /** Whether the kernel keeps the connection to the workload alive, and by how many probes in what interval. Seen on Linux alone. */
  keptAlive?: boolean | { probes: number; intervalSeconds: number };
}

const oneByOneMax = 2_000;
const callersAtOnce = 20;

/** At 10,000 calls a split must be this close; with fewer, as many standard deviations as are said. */
const splitTolerance = 0.01;

export async function runExpectation(
  mesh: CallingMesh,
  { times = 1, together, deviations = 3, expect: outcome, ...call }: Expectation,
): Promise<void> {
  if (together !== undefined) {
    const statuses = (await Promise.all(Array.from({ length: together }, () => mesh.call(call)))).map(({ status }) => status);
    expect(statuses.sort().slice(0, outcome.statuses?.length)).toEqual(outcome.statuses);
    return;
  }
  if (outcome.fails) return expect(mesh.call(call)).rejects.toThrow(outcome.fails);
  const replies = times > oneByOneMax ? await manyReplies(mesh, call, times) : await repliesOneByOne(mesh, call, times);
  for (const reply of replies) checkReply(reply, outcome);
  if (outcome.keptAlive !== undefined) for (const { seen } of replies) if (seen) await expectKeepalive(seen.clientPort, outcome.keptAlive);
  if (typeof outcome.reaches === 'object') checkSplit(replies, outcome.reaches, deviations);
  if (outcome.counted) expectCounted(mesh, call.from, outcome.counted);
  if (outcome.copies) await expectCopies(mesh, call.url, outcome.copies);
  if (outcome.connects) expect(new Set(replies.map(({ seen }) => seen?.clientPort)).size, 'connections').toBe(times);
  if (outcome.sticks) expect(new Set(replies.map(({ seen }) => seen?.workload)).size, 'workloads reached').toBe(1);
}

async function repliesOneByOne(mesh: CallingMesh, call: Call, times: number): Promise<Reply[]> {
  const replies: Reply[] = [];
  for (let i = 0; i < times; i++) replies.push(await mesh.call(call));
  return replies;
}

async function manyReplies(mesh: CallingMesh, call: Call, times: number): Promise<Reply[]> {
  const agent = new http.Agent({ keepAlive: true, maxSockets: callersAtOnce });
  try {
    const callers = Array.from({ length: callersAtOnce }, () => repliesOneByOne(mesh, { ...call, agent }, times / callersAtOnce));
    return (await Promise.all(callers)).flat();
  } finally {
    agent.destroy();
  }
}

/** Copies come when they come; those that are not wanted would have come with the others. */
async function expectCopies(mesh: CallingMesh, url: string, copies: readonly string[]): Promise<void> {
  const path = new URL(url).pathname;
  const seen = () =>
    mesh.seen.filter((each) => each.url === path && String(each.headers.host).includes('-shadow')).map(({ workload }) => workload);
  await until('the copies are there', () => seen().length >= copies.length || seen());
  expect(seen().sort()).toEqual(copies);
  mesh.seen.length = 0;
}

function checkReply({ status, headers, body, seen }: Reply, outcome: Outcome): void {
  expect(status, body.slice(0, 300)).toBe(outcome.status ?? 200);
  if (typeof outcome.reaches === 'string') expect(seen?.workload).toBe(outcome.reaches);
  if (outcome.url !== undefined) expect(seen?.url).toBe(outcome.url);
  if (outcome.method !== undefined) expect(seen?.method).toBe(outcome.method);
  if (outcome.connection !== undefined) expect(seen).toMatchObject(outcome.connection);
  if (outcome.peer !== undefined) expect(seen?.headers['x-forwarded-client-cert']).toContain(`URI=${outcome.peer}`);
  if (outcome.body !== undefined) expect(body).toEqual(outcome.body);
  if (outcome.responseCookie) expect(headers['set-cookie']?.[0]).toMatch(outcome.responseCookie);
  expectHeaders(headers, outcome.responseHeaders);
  expectHeaders(seen?.headers ?? {}, outcome.headers);
}

function expectCounted(mesh: CallingMesh, from = 'client', counted: NonNullable<Outcome['counted']>): void {
  const counters = mesh.proxyOf?.(from).runtime.counters.values() ?? {};
  expect(Object.fromEntries(Object.keys(counted).map((name) => [name, counters[name]]))).toEqual(counted);
}

const socketTable = '/proc/net/tcp';

/** The kernel's own table: of a socket, its local port, and which timer runs; 2 is that of keep-alives. */
async function expectKeepalive(localPort: number, wanted: NonNullable<Outcome['keptAlive']>): Promise<void> {
  if (!existsSync(socketTable)) return;
  const rows = readFileSync(socketTable, 'utf8')
    .split('\n')
    .map((line) => line.trim().split(/\s+/));
  const row = rows.find(([, local, , state]) => state === '01' && Number.parseInt(local?.split(':')[1] ?? '', 16) === localPort);
  expect(row?.[5]?.startsWith('02'), 'kept alive').toBe(wanted !== false);
  if (typeof wanted === 'object') await expectProbes(row?.[9] ?? '', wanted);
}

const descriptors = '/proc/self/fd';
const tcpLevel = 6;

/** `inode`: of a socket of this process. Where system calls cannot be made, there is nothing to be seen. */
async function expectProbes(inode: string, { probes, intervalSeconds }: { probes: number; intervalSeconds: number }): Promise<void> {
  const koffi = await import('koffi').catch(() => undefined);
  if (koffi === undefined) return;
  const descriptor = Number(readdirSync(descriptors).find((name) => linkOf(name) === `socket:[${inode}]`));
  const getsockopt = koffi.default.load('libc.so.6').func('int getsockopt(int, int, int, _Out_ int *, _Inout_ uint32_t *)');
  const option = (number: number) => {
    const found = [0];
    getsockopt(descriptor, tcpLevel, number, found, [4]);
    return found[0];
  };
  await until('the kernel knows of the probes', () => (option(6) === probes && option(5) === intervalSeconds) || [option(6), option(5)]);
}

/** Undefined: it was closed while it was looked for. */
function linkOf(descriptor: string): string | undefined {
  try {
    return readlinkSync(`${descriptors}/${descriptor}`);
  } catch {
    return undefined;
  }
}

function expectHeaders(headers: http.IncomingHttpHeaders, expected: Readonly<Record<string, string | undefined>> = {}): void {
  expect(Object.fromEntries(Object.keys(expected).map((name) => [name, headers[name]]))).toEqual(expected);
}

function checkSplit(replies: readonly Reply[], parts: Readonly<Record<string, number>>, deviations: number): void {
  const counts = new Map<string, number>();
  for (const { seen } of replies) counts.set(seen?.workload ?? '', (counts.get(seen?.workload ?? '') ?? 0) + 1);
  expect([...counts.keys()].sort()).toEqual(
    Object.keys(parts)
      .filter((name) => parts[name])
      .sort(),
  );
  for (const [name, part] of Object.entries(parts)) {
    const spread = deviations * Math.sqrt((part * (1 - part)) / replies.length);
    const got = (counts.get(name) ?? 0) / replies.length;
    expect(Math.abs(got - part), `${name} got ${got}, not ${part}`).toBeLessThanOrEqual(Math.max(spread, splitTolerance));
  }
}
