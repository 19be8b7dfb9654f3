// What proxies with the same scope have in common, made once for all of them. Goes with the scope.
import type { SidecarScope } from '#control/view/sidecar-scope';

export class ScopeMemo {
  private readonly byScope = new WeakMap<SidecarScope, Map<string, unknown>>();

  constructor(private readonly entriesMax = 1000) {}

  /** `key` names everything beside the scope that `make` looks at, and its type. */
  get<T>(scope: SidecarScope, key: string, make: () => T): T {
    let known = this.byScope.get(scope);
    if (!known) this.byScope.set(scope, (known = new Map()));
    if (known.has(key)) return known.get(key) as T;
    if (known.size >= this.entriesMax) known.clear();
    const made = make();
    known.set(key, made);
    return made;
  }
}
