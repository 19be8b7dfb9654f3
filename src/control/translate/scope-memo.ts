// What proxies with the same scope have in common, made once for all of them; and once more when the scope's successor asks, out of what was made
// for the one before. Goes with the scope's lineage.
import type { SidecarScope } from '#control/view/sidecar-scope';

/** What was made last, and for which scope. */
export interface Made<T> {
  readonly scope: SidecarScope;
  readonly value: T;
}

export class ScopeMemo {
  private readonly byLineage = new WeakMap<object, Map<string, Made<unknown>>>();

  constructor(private readonly entriesMax = 1000) {}

  /** `key` names everything beside the scope that `make` looks at, and its type. `earlier`: for a scope before this one. */
  get<T>(scope: SidecarScope, key: string, make: (earlier: Made<T> | undefined) => T): T {
    let known = this.byLineage.get(scope.lineage);
    if (!known) this.byLineage.set(scope.lineage, (known = new Map()));
    const earlier = known.get(key) as Made<T> | undefined;
    if (earlier?.scope === scope) return earlier.value;
    if (known.size >= this.entriesMax) known.clear();
    const value = make(earlier);
    known.set(key, { scope, value });
    return value;
  }
}
