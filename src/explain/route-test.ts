// Files of route tests: calls, and what must come of them, in YAML; read and checked. Pure.
//
//   tests:
//     - name: jason sees v2
//       from: productpage
//       call: GET http://reviews:9080/reviews/0
//       headers: {end-user: jason}
//       expect: {reaches: reviews, subset: v2}
import { type Static, Type } from '@sinclair/typebox';
import { Ajv } from 'ajv';
import { parseYaml } from '#codec/yaml/documents';
import type { Problem } from '#foundation/problem';
import type { Expected } from './expected.ts';
import type { Call } from './explanation.ts';

const testsMax = 100_000;

const strict = { additionalProperties: false } as const;
const percent = Type.Number({ minimum: 0, maximum: 100 });
const status = Type.Integer({ minimum: 100, maximum: 599 });
const none = Type.Literal('none');
const duration = Type.String({ pattern: '^([0-9]+(\\.[0-9]+)?(h|m|s|ms))+$' });
const headers = Type.Union([none, Type.Record(Type.String(), Type.Union([Type.String(), Type.Null()]))]);

/** Says what `Expected` says. */
const expectSchema = Type.Object(
  {
    reaches: Type.Optional(Type.String()),
    subset: Type.Optional(Type.String()),
    port: Type.Optional(Type.Integer()),
    weights: Type.Optional(Type.Record(Type.String(), percent)),
    workloads: Type.Optional(Type.Array(Type.String())),
    status: Type.Optional(status),
    redirect: Type.Optional(Type.String()),
    body: Type.Optional(Type.String()),
    path: Type.Optional(Type.String()),
    authority: Type.Optional(Type.String()),
    requestHeaders: Type.Optional(headers),
    responseHeaders: Type.Optional(headers),
    timeout: Type.Optional(Type.Union([none, duration])),
    retries: Type.Optional(
      Type.Union([
        Type.Integer({ minimum: 0 }),
        Type.Object(
          {
            attempts: Type.Optional(Type.Integer({ minimum: 0 })),
            perTryTimeout: Type.Optional(duration),
            on: Type.Optional(Type.String()),
          },
          strict,
        ),
      ]),
    ),
    fault: Type.Optional(
      Type.Union([
        none,
        Type.Object(
          {
            delay: Type.Optional(Type.Union([duration, Type.Object({ after: duration, percent }, strict)])),
            abort: Type.Optional(Type.Union([status, Type.Object({ status, percent }, strict)])),
          },
          strict,
        ),
      ]),
    ),
    mirror: Type.Optional(Type.Union([Type.String(), Type.Record(Type.String(), percent)])),
  },
  { ...strict, minProperties: 1 },
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
  strict,
);
const callSchema = Type.Omit(testSchema, ['expect'], strict);
const fileSchema = Type.Object(
  {
    tests: Type.Optional(Type.Array(testSchema, { maxItems: testsMax })),
    /** Without expectations: for `lateen diff`. */
    calls: Type.Optional(Type.Array(callSchema, { maxItems: testsMax })),
  },
  { ...strict, minProperties: 1 },
);

export interface RouteTest {
  name: string;
  call: Call;
  expect: Expected;
  origin: { file: string; line: number };
}

const isTestFile = new Ajv({ allErrors: true }).compile<Static<typeof fileSchema>>(fileSchema);

/** Every test of a file, and every call that is there without one, or what is wrong with it. */
export function readTests(text: string, file: string): { tests: RouteTest[]; calls: Call[]; problems: Problem[] } {
  const tests: RouteTest[] = [];
  const calls: Call[] = [];
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
    calls.push(...(value.calls ?? []).map(callOf));
    value.tests?.forEach((test, i) => {
      const { line } = document.positionOf(['tests', i]);
      tests.push({ ...routeTest(test), origin: { file, line } });
    });
  }
  return { tests, calls, problems };
}

function routeTest(test: Static<typeof testSchema>): Omit<RouteTest, 'origin'> {
  const { name, from, call, expect } = test;
  return { name: name ?? `${from ?? 'outside'}: ${call}`, call: callOf(test), expect };
}

function callOf({ from, call, headers }: Static<typeof callSchema>): Call {
  return { from, ...parseCallLine(call), headers: lowerCased(headers) };
}

/** `METHOD URL`, or a URL alone. */
export function parseCallLine(call: string): Pick<Call, 'method' | 'url'> {
  const [first = '', second] = call.trim().split(/\s+/, 2);
  return second === undefined ? { method: 'GET', url: first } : { method: first.toUpperCase(), url: second };
}

/** Names of headers as calls have them. */
export function lowerCased(headers: Readonly<Record<string, string>> = {}): Record<string, string> {
  return Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]));
}
