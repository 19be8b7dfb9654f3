// Changes a body on its way: stands between the source of a message and whoever takes it, and keeps the count of what is undelivered on
// both sides right although the numbers of bytes differ. Made by filters; strung together by BodyChain.
import type { FieldList } from './head.ts';

/** Takes a body, as a port does. */
export interface BodySink {
  /** Returns how many bytes count as delivered; see Port. */
  body(buffer: Buffer, start: number, end: number, fin: boolean): number;
  trailers(trailers: FieldList): void;
  flush(): void;
}

export abstract class BodyTransform implements BodySink {
  /** Work under way elsewhere, whose output is still to come. */
  protected working = 0;
  private next!: BodySink;
  private credit!: (bytes: number) => void;
  /** Bytes of output that nobody has delivered yet. */
  private waiting = 0;
  /** Bytes of input that the source was told are undelivered. */
  private owed = 0;

  /** `credit`: tells the source what was delivered. */
  attach(next: BodySink, credit: (bytes: number) => void): void {
    this.next = next;
    this.credit = credit;
  }

  /** Input counts as delivered when all of the output is. */
  body(buffer: Buffer, start: number, end: number, fin: boolean): number {
    this.transform(buffer, start, end, fin);
    if (this.settled) return end - start;
    this.owed += end - start;
    return 0;
  }

  trailers(trailers: FieldList): void {
    this.next.trailers(trailers);
  }

  flush(): void {
    this.next.flush();
  }

  /** `bytes` of the output have been delivered. */
  drained(bytes: number): void {
    this.waiting = Math.max(0, this.waiting - bytes);
    this.settle();
  }

  /** The message has ended or been given up: nothing more may be sent on. */
  close(): void {}

  /** Sends on, by `emit`, what becomes of a part of the body; the part must be used or copied before this returns. */
  protected abstract transform(buffer: Buffer, start: number, end: number, fin: boolean): void;

  protected emit(buffer: Buffer, fin: boolean): void {
    this.waiting += buffer.length - this.next.body(buffer, 0, buffer.length, fin);
  }

  protected emitTrailers(trailers: FieldList): void {
    this.next.trailers(trailers);
  }

  protected get settled(): boolean {
    return this.waiting === 0 && this.working === 0;
  }

  /** Everything that was sent on has been taken. */
  protected get read(): boolean {
    return this.waiting === 0;
  }

  /** Pays the source when there is nothing left to wait for. */
  protected settle(): void {
    if (!this.settled || this.owed === 0) return;
    const bytes = this.owed;
    this.owed = 0;
    this.credit(bytes);
  }
}

/** The transforms of one message, the first nearest to its source. */
export class BodyChain implements BodySink {
  private readonly transforms: BodyTransform[] = [];

  constructor(
    private readonly sink: BodySink,
    private readonly credit: (bytes: number) => void,
  ) {}

  add(transform: BodyTransform): void {
    const last = this.transforms.at(-1);
    transform.attach(this.sink, last === undefined ? this.credit : (bytes) => last.drained(bytes));
    last?.attach(transform, this.creditOf(this.transforms.length - 1));
    this.transforms.push(transform);
  }

  body(buffer: Buffer, start: number, end: number, fin: boolean): number {
    return this.transforms[0]!.body(buffer, start, end, fin);
  }

  trailers(trailers: FieldList): void {
    this.transforms[0]!.trailers(trailers);
  }

  flush(): void {
    this.transforms[0]!.flush();
  }

  /** Bytes that came out at the end have been delivered. */
  drained(bytes: number): void {
    this.transforms.at(-1)!.drained(bytes);
  }

  close(): void {
    for (const transform of this.transforms) transform.close();
  }

  private creditOf(index: number): (bytes: number) => void {
    const before = this.transforms[index - 1];
    return before === undefined ? this.credit : (bytes) => before.drained(bytes);
  }
}
