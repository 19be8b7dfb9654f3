// What became of the responses on one subscription: nonces, ACK and NACK. Pure; used by both subscription machines.

/** `stale`: about a response that a later one has replaced. `none`: about no response at all. */
export type Verdict = 'none' | 'ack' | 'nack' | 'stale';

/** As `istioctl proxy-status` words it. */
export type DeliveryStatus = 'NOT SENT' | 'SYNCED' | 'STALE' | 'ERROR';

/** A rejected response, as the client worded it. */
export interface Rejection {
  nonce: string;
  message: string;
}

const rejectionCharsMax = 2_000;

export class Delivery {
  private serial = 0;
  /** Sent and not yet answered, oldest first. */
  private readonly outstanding = new Set<string>();
  private ackedVersion_ = '';
  private rejection_: Rejection | undefined;
  private readonly versions = new Map<string, string>();

  /** The nonce for a response that is being sent now. */
  send(version: string): string {
    const nonce = String(++this.serial);
    this.outstanding.add(nonce);
    this.versions.set(nonce, version);
    return nonce;
  }

  /** Takes the client's word on `nonce`. It answers every earlier response as well: streams keep their order. */
  settle(nonce: string, errorMessage: string | undefined): Verdict {
    if (nonce === '') return 'none';
    if (!this.outstanding.has(nonce)) return nonce === this.latestNonce ? 'none' : 'stale';
    const version = this.versions.get(nonce) ?? '';
    for (const earlier of this.outstanding) {
      this.outstanding.delete(earlier);
      this.versions.delete(earlier);
      if (earlier === nonce) break;
    }
    if (errorMessage !== undefined) {
      this.rejection_ = { nonce, message: errorMessage.slice(0, rejectionCharsMax) };
      return 'nack';
    }
    this.rejection_ = undefined;
    this.ackedVersion_ = version;
    return 'ack';
  }

  get latestNonce(): string {
    return this.serial === 0 ? '' : String(this.serial);
  }

  /** True while a response has no answer yet. */
  get awaiting(): boolean {
    return this.outstanding.size > 0;
  }

  /** Of the last response that was accepted. */
  get ackedVersion(): string {
    return this.ackedVersion_;
  }

  get rejection(): Rejection | undefined {
    return this.rejection_;
  }

  get status(): DeliveryStatus {
    if (this.serial === 0) return 'NOT SENT';
    if (this.awaiting) return 'STALE';
    return this.rejection_ ? 'ERROR' : 'SYNCED';
  }
}
