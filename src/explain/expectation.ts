// Route tests: calls, and what must come of them, in YAML; read, checked and judged. Pure.
//
//   tests:
//     - name: jason sees v2
//       from: productpage
//       call: GET http://reviews:9080/reviews/0
//       headers: {end-user: jason}
//       expect: {reaches: reviews, subset: v2}
import { type Static, Type } from '@sinclair/typebox';
import { Ajv } from 'ajv';
import { durationMs } from '#api/duration';
import { parseYaml } from '#codec/yaml/documents';
import type { Problem } from '#foundation/problem';
import type { Call } from './call.ts';
import type { Explanation } from './explain.ts';
import type { Destination, Outcome } from './outcome.ts';

const share = Type.Record(Type.String(), Type.Number({ minimum: 0, maximum: 100 }));
const expectSchema = Type.Object(
  {
    /** Host, short or whole. */
    reaches: Type.Optional(Type.String()),
    subset: Type.Optional(Type.String()),
    port: Type.Optional(Type.Integer()),
    /** Percent by subset. */
    weights: Type.Optional(share),
    /** What the client gets: of a redirect, a direct response, a fault of all requests, or 404 and 503. */
    status: Type.Optional(Type.Integer({ minimum: 100, maximum: 599 })),
    redirect: Type.Optional(Type.String()),
    path: Type.Optional(Type.String()),
    authority: Type.Optional(Type.String()),
    timeout: Type.Optional(Type.String()),
    retries: Type.Optional(Type.Integer({ minimum: 0 })),
    fault: Type.Optional(
      Type.Object({ delay: Type.Optional(Type.String()), abort: Type.Optional(Type.Integer()) }, { additionalProperties: false }),
    ),
  },
  { additionalProperties: false, minProperties: 1 },
);
const testSchema = Type.Object(
  {
    name: Type.Optional(Type.String()),
    from: Type.Optional(Type.String()),
    /** `METHOD URL`, or a URL alone. */
    call: Type.String({ minLength: 1 }),
    headers: Type.Optional(Type.Record(Type.String(), Type.String())),
    expect: expectSchema,
  },
  { additionalProperties: false },
);
const fileSchema = Type.Object({ tests: Type.Array(testSchema, { maxItems: 100_000 }) }, { additionalProperties: false });

type Expected = Static<typeof expectSchema>;

export interface RouteTest {
  name: string;
  call: Call;
  expect: Expected;
  origin: { file: string; line: number };
}

const isTestFile = new Ajv({ allErrors: true }).compile<Static<typeof fileSchema>>(fileSchema);

/** Every test of a file, or what is wrong with it. */
export function readTests(text: string, file: string): { tests: RouteTest[]; problems: Problem[] } {
  const tests: RouteTest[] = [];
  const problems: Problem[] = [];
  for (const document of parseYaml(text)) {
    for (const { message, line, column } of document.problems) {
      problems.push({ level: 'error', code: 'YAML', message, origin: { file, line, column } });
    }
    const { value } = document;
    if (value === undefined || value === null || document.problems.length > 0) continue;
    if (!isTestFile(value)) {
      for (const error of isTestFile.errors ?? []) {
        const extra = (error.params as { additionalProperty?: string }).additionalProperty;
        const path = error.instancePath.split('/').slice(1);
        const field = path.join('.');
        const place = document.positionOf(path.map((part) => (/^\d+$/.test(part) ? Number(part) : part)));
        problems.push({
          level: 'error',
          code: 'ROUTE_TEST',
          message: `${field || 'the file'} ${error.message ?? 'is wrong'}${extra ? `: ${extra}` : ''}`,
          origin: { file, line: place.line },
        });
      }
      continue;
    }
    value.tests.forEach((test, i) => {
      const { line } = document.positionOf(['tests', i]);
      tests.push({ ...routeTest(test), origin: { file, line } });
    });
  }
  return { tests, problems };
}

function routeTest({ name, from, call, headers, expect }: Static<typeof testSchema>): Omit<RouteTest, 'origin'> {
  const [first = '', second] = call.trim().split(/\s+/, 2);
  const method = second === undefined ? 'GET' : first.toUpperCase();
  const lower = Object.fromEntries(Object.entries(headers ?? {}).map(([key, value]) => [key.toLowerCase(), value]));
  return { name: name ?? `${from ?? 'outside'}: ${call}`, call: { from, url: second ?? first, method, headers: lower }, expect };
}

/** What differs, in sentences; none: the test passes. */
export function judge(expect: Expected, { outcome }: Explanation): string[] {
  const failures: string[] = [];
  const check = (what: string, wanted: unknown, got: unknown) => {
    if (wanted !== undefined && wanted !== got) failures.push(`${what}: expected ${wanted}, got ${got ?? 'none'}`);
  };
  const forward = outcome.kind === 'forward' ? outcome : undefined;
  const destinations = forward?.destinations ?? [];
  const policies = forward?.policies ?? {};
  if (expect.reaches !== undefined && !destinations.some((d) => isHost(d, expect.reaches!))) {
    failures.push(`reaches: expected ${expect.reaches}, got ${destinations.map(nameOf).join(', ') || describe(outcome)}`);
  }
  if (expect.subset !== undefined && !(destinations.length === 1 && destinations[0]?.subset === expect.subset)) {
    failures.push(
      `subset: expected ${expect.subset} alone, got ${destinations.map(({ subset }) => subset ?? 'none').join(', ') || describe(outcome)}`,
    );
  }
  if (expect.weights !== undefined) failures.push(...judgeWeights(expect.weights, destinations));
  check('port', expect.port, destinations[0]?.port);
  check('status', expect.status, statusOf(outcome));
  check('redirect', expect.redirect, outcome.kind === 'redirect' ? outcome.location : undefined);
  check('path', expect.path, policies.path);
  check('authority', expect.authority, policies.authority);
  check('timeout', expect.timeout === undefined ? undefined : durationMs(expect.timeout), policies.timeoutMs);
  check('retries', expect.retries, policies.retries?.attempts ?? (expect.retries === undefined ? undefined : 0));
  check('fault.abort', expect.fault?.abort, policies.fault?.abort?.httpStatus);
  check('fault.delay', expect.fault?.delay === undefined ? undefined : durationMs(expect.fault.delay), policies.fault?.delay?.fixedMs);
  return failures;
}

function judgeWeights(weights: Readonly<Record<string, number>>, destinations: readonly Destination[]): string[] {
  const got = Object.fromEntries(destinations.map(({ subset, share: part, host }) => [subset ?? host ?? '', Math.round(part * 1000) / 10]));
  const names = new Set([...Object.keys(weights), ...Object.keys(got)]);
  return [...names].flatMap((name) =>
    (weights[name] ?? 0) === (got[name] ?? 0) ? [] : [`weights: expected ${name} ${weights[name] ?? 0}%, got ${got[name] ?? 0}%`],
  );
}

/** Undefined where the upstream decides. */
function statusOf(outcome: Outcome): number | undefined {
  if (outcome.kind !== 'forward') return outcome.status;
  const { abort } = outcome.policies.fault ?? {};
  if (abort !== undefined && abort.fraction >= 1) return abort.httpStatus;
  const dead = outcome.destinations.every(({ known, endpoints, host }) => host !== undefined && (!known || endpoints.length === 0));
  return dead ? 503 : undefined;
}

function isHost({ host }: Destination, wanted: string): boolean {
  return host === wanted || host?.split('.')[0] === wanted || (host?.startsWith(`${wanted}.`) ?? false);
}

function nameOf({ host, subset, cluster }: Destination): string {
  return host === undefined ? cluster : `${host}${subset === undefined ? '' : ` subset ${subset}`}`;
}

function describe(outcome: Outcome): string {
  if (outcome.kind === 'forward') return outcome.destinations.map(nameOf).join(', ');
  if (outcome.kind === 'none') return `${outcome.status ?? 'no connection'} (${outcome.message})`;
  return `${outcome.status} (${outcome.kind})`;
}
