// Bounds what costs a peer little and us more: frames that carry nothing, streams opened to be reset. Each kind has an allowance that
// refills with time; a peer that uses one up is told ENHANCE_YOUR_CALM. Honest peers come nowhere near.

export interface Allowance {
  readonly burst: number;
  readonly perSecond: number;
}

/** What is bounded, by the name that the failure is counted under. */
export const allowances = {
  /** CVE-2023-44487: streams that the client resets before their response has ended. A caller whose deadlines run out does so too. */
  resets: { burst: 500, perSecond: 100 },
  /** Some gRPC clients measure the bandwidth by pings, several a round trip. */
  pings: { burst: 1000, perSecond: 500 },
  settings: { burst: 100, perSecond: 10 },
  /** DATA, HEADERS and CONTINUATION without payload that end nothing: CVE-2019-9518. */
  emptyFrames: { burst: 100, perSecond: 10 },
  priorities: { burst: 1000, perSecond: 100 },
  /** Of types that we do not know. */
  unknownFrames: { burst: 100, perSecond: 10 },
  /** Beyond the ones that our own DATA has earned: see windowUpdatesPerDataFrame. */
  windowUpdates: { burst: 1000, perSecond: 1000 },
  /** Stream errors: malformed messages, frames for streams that are over. */
  streamErrors: { burst: 500, perSecond: 100 },
} as const satisfies Record<string, Allowance>;

export type FloodKind = keyof typeof allowances;

/** Envoy's allowance: so many WINDOW_UPDATE frames answer one DATA frame. */
const windowUpdatesPerDataFrame = 10;

export class FloodGuard {
  /** Used up, by kind; made with the first frame that counts, as most connections see none. */
  private readonly used = new Map<FloodKind, { frames: number; sinceMs: number }>();
  private earnedWindowUpdates = 0;

  constructor(private readonly nowMs: () => number) {}

  /** Counts one; false: that is one too many. */
  allow(kind: FloodKind): boolean {
    if (kind === 'windowUpdates' && this.earnedWindowUpdates > 0) {
      this.earnedWindowUpdates--;
      return true;
    }
    const { burst, perSecond } = allowances[kind];
    const nowMs = this.nowMs();
    let use = this.used.get(kind);
    if (use === undefined) this.used.set(kind, (use = { frames: 0, sinceMs: nowMs }));
    use.frames = Math.max(0, use.frames - ((nowMs - use.sinceMs) * perSecond) / 1000) + 1;
    use.sinceMs = nowMs;
    return use.frames <= burst;
  }

  /** We sent DATA, which the peer may answer by opening its windows. */
  earn(): void {
    if (this.earnedWindowUpdates < 1_000_000) this.earnedWindowUpdates += windowUpdatesPerDataFrame;
  }
}
