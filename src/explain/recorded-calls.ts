// Calls that somebody wrote down, for `lateen diff`: a file of calls or of route tests, or an access log in Istio's format. Pure.
import type { Problem } from '#foundation/problem';
import type { Call } from './explanation.ts';
import { readTests } from './route-test.ts';

/** `[time] "GET /path HTTP/1.1" 200 … "authority" "upstream host" outbound|…`: the way out of a proxy, or through a gateway. */
const accessLogLine = /^\[[^\]]*\] "([A-Z]+) (\S+) HTTP\/[\d.]+".* "([^"]+)" "[^"]*" (\S+) \S+ \S+ \S+ \S+ \S+$/;

/** `from`: who wrote the access log; undefined: the ingress gateway. Each call once. */
export function readCalls(text: string, file: string, from: string | undefined): { calls: Call[]; problems: Problem[] } {
  if (!text.startsWith('[')) {
    const { tests, calls, problems } = readTests(text, file);
    return { calls: [...tests.map(({ call }) => call), ...calls], problems };
  }
  const calls = new Map<string, Call>();
  for (const line of text.split('\n')) {
    const [, method = '', path = '', authority = '', cluster = ''] = accessLogLine.exec(line) ?? [];
    // What came in to the workload is its callers' affair.
    if (method === '' || cluster.startsWith('inbound')) continue;
    calls.set(`${method} ${authority}${path}`, { from, method, url: `http://${authority}${path}`, headers: {} });
  }
  const none: Problem = {
    level: 'error',
    code: 'RECORDED_CALLS',
    message: 'has no line of an access log in Istio’s format',
    origin: { file, line: 1 },
  };
  return { calls: [...calls.values()], problems: calls.size > 0 ? [] : [none] };
}
