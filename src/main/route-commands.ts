// The commands that know both halves, the control plane's output and the proxy's routing: explain, test, diff. Their work is loaded
// when they are asked for.
import { type Command, Option } from 'commander';
import type { CliContext } from '#cli/context';
import { writeFailure } from '#cli/message';
import type { Session } from '#cli/session';

const collect = (value: string, all: string[]) => [...all, value];
const outputs = (...words: string[]) => new Option('-o, --output <format>', words.join(', ')).choices(words).default('text');

export function addExplain(program: Command, session: Session, context: CliContext): void {
  program
    .command('explain <url>')
    .description('say why a call goes where it goes: every route that was tried, the resource, file and line it came from')
    .option(
      '--from <workload>',
      'who calls: an app label, Deployment or Pod, with .NAMESPACE (default: from outside, through the ingress gateway)',
    )
    .option('--proxy <name>', 'a running proxy, as POD.NAMESPACE or the beginning of it: what it holds at this moment decides')
    .option('-X, --method <method>', 'of the request', 'GET')
    .option('-H, --header <header>', 'of the request: "name: value" (repeatable)', collect, [])
    .option('-f, --filename <path>', 'resources of a file or folder (repeatable); without it, those of the running mesh', collect, [])
    .option('-n, --namespace <namespace>', 'of resources that name none')
    .addOption(outputs('text', 'json'))
    .addHelpText(
      'after',
      `
Where nothing takes the call, it says which routes miss it by the least, and what would have made them take it.

Examples:
  $ lateen explain --from productpage -H 'end-user: jason' http://reviews:9080/reviews/0
  $ lateen explain -f manifests/ http://shop.example.com/cart
  $ lateen explain --from shop tls://bank.example:443        TLS of the program's own, by its server name
  $ lateen explain --proxy productpage-v1 http://reviews:9080/   what this proxy would do now, and whether it should`,
    )
    .action(async (url: string, options) => {
      const { runExplain } = await import('#explain/run-explain');
      if ((await runExplain(url, { ...options, api: await session.api() }, context)) !== 0) session.fail();
    });
}

export function addTest(program: Command, session: Session, context: CliContext): void {
  program
    .command('test <file...>')
    .description('check route expectations: which calls must go where')
    .option('-f, --filename <path>', 'resources of a file or folder (repeatable); without it, those of the running mesh', collect, [])
    .option('-n, --namespace <namespace>', 'of resources that name none')
    .option('--live', 'send the calls through the proxies of the running mesh, and judge by what comes back as well', false)
    .option('--coverage', 'list the rules that no test reached', false)
    .addOption(outputs('text', 'json', 'junit'))
    .addHelpText(
      'after',
      `
A file of tests:
  tests:
    - name: jason sees v2
      from: productpage
      call: GET http://reviews:9080/reviews/0
      headers: {end-user: jason}
      expect: {reaches: reviews, subset: v2, timeout: 2s}

What may be expected: reaches, subset, port, weights {v1: 90, v2: 10}, workloads [reviews-v1], status, redirect, body, path, authority,
requestHeaders and responseHeaders {name: value, or null where it is removed}, timeout, retries 3 or {attempts,
perTryTimeout, on}, fault {delay: 7s, abort: 500, or {status: 500, percent: 10}}, mirror shadow or {shadow/v2: 10};
timeout, fault, mirror and headers may be none.

Examples:
  $ lateen test -f manifests/ routes.test.yaml
  $ lateen test routes.test.yaml                      against the running mesh's resources
  $ lateen test --live routes.test.yaml               for real`,
    )
    .action(async (files: string[], options) => {
      const { runTests } = await import('#explain/run-test');
      if ((await runTests(files, { ...options, api: await session.api() }, context)) !== 0) session.fail();
    });
}

export function addDiff(program: Command, session: Session, context: CliContext): void {
  program
    .command('diff')
    .description('say which calls a change of the configuration would send elsewhere')
    .option('-f, --filename <path>', 'the changed resources: a file or folder, laid over the base (repeatable)', collect, [])
    .option('--base <path>', 'what is there before: a file or folder (repeatable); without it, the running mesh', collect, [])
    .option('--live', 'the running mesh is the base, as it is without --base', false)
    .option('--whole', 'the changed files are all there is: what is not in them is gone', false)
    .option('--calls <file>', 'ask for these calls (repeatable); without it, calls are made of the routes', collect, [])
    .option('--from <workload>', 'who wrote the access logs given as --calls (default: the ingress gateway)')
    .option('-n, --namespace <namespace>', 'of resources that name none')
    .addOption(outputs('text', 'json'))
    .addHelpText(
      'after',
      `
Every call is explained twice, before and after the change, and only those are listed that are decided otherwise: another
destination, share, status, header, timeout, fault or mirror; with the rule, file and line on either side.

Calls that are made of the routes: for each workload that the rules tell apart, each host and port, one that every route
takes, and those that break each of its conditions in turn. Calls of your own: a file of route tests, an access log in
Istio's format, or
  calls:
    - {from: productpage, call: GET http://reviews:9080/reviews/0, headers: {end-user: jason}}

It ends with 0 where nothing changes, 1 where something does, 2 in trouble.

Examples:
  $ lateen diff -f reviews.yaml                                   what would this do to the running mesh?
  $ lateen diff --base mesh/ -f reviews.yaml                      the same, without a mesh
  $ lateen diff --base old/ -f new/ --whole                       two folders against each other
  $ lateen diff -f reviews.yaml --calls routes.test.yaml -o json`,
    )
    .action(async (options) => {
      const { runDiff } = await import('#explain/run-diff');
      try {
        session.fail(await runDiff({ ...options, api: await session.api() }, context));
      } catch (thrown) {
        writeFailure(context, thrown);
        session.fail(2);
      }
    });
}
