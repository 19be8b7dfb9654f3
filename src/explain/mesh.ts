// A mesh for route tests written in TypeScript: the face of `lateen/test`. What it shows is declared in full, since its declarations
// are made file by file (scripts/declarations.mjs).
import type { CliContext } from '#cli/context';
import { readManifests } from '#cli/manifest-files';
import { MeshError } from '#foundation/mesh-error';
import { formatProblem } from '#foundation/problem';
import type { Expected } from './expected.ts';
import { Explainer } from './explain.ts';
import type { Explanation } from './explanation.ts';
import { formatExplanation } from './format.ts';
import { judge } from './judge.ts';
import { worldOf } from './load-world.ts';
import { lowerCased, parseCallLine } from './route-test.ts';

/** A call as route tests in YAML have it. */
export interface RouteCall {
  /** The workload that calls: an `app` label, a Deployment, or a Pod, with `.namespace` where it is not the default one. Without it: from outside. */
  from?: string;
  /** `METHOD URL`, or a URL alone. */
  call: string;
  headers?: Readonly<Record<string, string>>;
}

export interface MeshOptions {
  /** Of resources that name none. */
  namespace?: string;
}

/** Thrown by `expect`: what differs, and why the call goes where it goes. */
export class RouteExpectationError extends Error {
  override readonly name: string = 'RouteExpectationError';

  constructor(
    /** In sentences. */
    readonly failures: readonly string[],
    readonly explanation: Explanation,
  ) {
    super(`${failures.join('\n')}\n\n${formatExplanation(explanation, false)}`);
  }
}

/**
 * The mesh that some resources describe, without a cluster: what the control plane would tell the proxies, and what the proxies would
 * do with a call.
 */
export class ExplainedMesh {
  private readonly explainer: Explainer;

  /** @internal */
  protected constructor(explainer: Explainer) {
    this.explainer = explainer;
  }

  /**
   * Reads files and folders of YAML and JSON. Rejects with every error of every file. `canonicalJson`: how EnvoyFilters are read.
   * @internal
   */
  protected static async read(
    paths: readonly string[],
    options: MeshOptions,
    context: Pick<CliContext, 'canonicalJson'>,
  ): Promise<Explainer> {
    const { objects, problems } = await readManifests({ readStdin: async () => '' }, paths, options.namespace ?? 'default');
    const errors = problems.filter(({ level }) => level === 'error');
    if (errors.length > 0) throw new MeshError('MANIFESTS', errors.map(formatProblem).join('\n'));
    return new Explainer(await worldOf(objects, context));
  }

  /** Throws where the call has no source or is no URL. */
  explain(call: RouteCall | string): Explanation {
    const { from, call: line, headers } = typeof call === 'string' ? { call } : { ...call };
    return this.explainer.explain({ from, ...parseCallLine(line), headers: lowerCased(headers) });
  }

  /** Throws RouteExpectationError where the call is not as expected. */
  expect(call: RouteCall | string, expected: Expected): void {
    const explanation = this.explain(call);
    const failures = judge(expected, explanation);
    if (failures.length > 0) throw new RouteExpectationError(failures, explanation);
  }
}
