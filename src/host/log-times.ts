// When the lines of a log were written: programs write to their files themselves, so the file's growth is watched, and noted with the time.
// As true as the pause between two looks.
import { type FSWatcher, statSync, watch } from 'node:fs';
import type { Clock, Timer } from '#foundation/clock';

const pauseMs = 100;
/** Then of two older neighbours one goes: of what was long ago it is known less exactly. */
const notesMax = 8_192;

export class LogTimes {
  /** Up to which byte the file was there at which time; both grow. */
  private notes: { size: number; wallMs: number }[] = [];
  private watcher: FSWatcher | undefined;
  private pause: Timer | undefined;

  /** `file`: is there. */
  constructor(
    private readonly file: string,
    private readonly clock: Clock,
  ) {
    this.watch();
  }

  close(): void {
    this.watcher?.close();
    this.pause?.cancel();
  }

  /** When the byte at this place was written, in milliseconds since the epoch. */
  at(offset: number): number {
    return this.notes[this.firstWhere(({ size }) => size > offset)]?.wallMs ?? this.clock.wallMs();
  }

  /** Where that begins which was written then or later; infinite: there is nothing of it yet. */
  offsetSince(wallMs: number): number {
    this.note();
    const first = this.firstWhere((note) => note.wallMs >= wallMs);
    if (first === this.notes.length) return Number.POSITIVE_INFINITY;
    return first === 0 ? 0 : this.notes[first - 1]!.size;
  }

  private firstWhere(holds: (note: { size: number; wallMs: number }) => boolean): number {
    let [low, high] = [0, this.notes.length];
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (holds(this.notes[middle]!)) high = middle;
      else low = middle + 1;
    }
    return low;
  }

  /** Not watched in the pauses, so that who writes a lot costs no more than who writes ten times a second. */
  private watch(): void {
    try {
      this.watcher = watch(this.file, { persistent: false }, () => this.look());
      this.watcher.on('error', () => this.watcher?.close());
    } catch {
      // There are no more watches on this machine: times are those of when somebody asks.
      return;
    }
    if (this.note()) this.look();
  }

  private look(): void {
    this.watcher?.close();
    this.note();
    this.pause?.cancel();
    this.pause = this.clock.after(pauseMs, () => this.watch(), { unref: true });
  }

  /** Whether the file has grown. */
  private note(): boolean {
    const size = statSync(this.file, { throwIfNoEntry: false })?.size ?? 0;
    if (size <= (this.notes.at(-1)?.size ?? 0)) return false;
    this.notes.push({ size, wallMs: this.clock.wallMs() });
    if (this.notes.length > notesMax) {
      const half = notesMax / 2;
      this.notes = [...this.notes.slice(0, half).filter((_, i) => i % 2 === 1), ...this.notes.slice(half)];
    }
    return true;
  }
}
