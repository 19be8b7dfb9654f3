// What tests ask a mesh with: single requests, and steady traffic of which every failure is kept.
import http from 'node:http';

export interface Answer {
  status: number;
  headers: http.IncomingHttpHeaders;
  body: string;
}

export interface Ask {
  method?: string;
  headers?: Record<string, string>;
  body?: string;
  /** A connection of its own, closed afterwards, unless given. */
  agent?: http.Agent;
  /** How long it may take. */
  msMax?: number;
}

const requestMsMaxDefault = 10_000;

/** Rejects where no whole answer comes. */
export function request(
  url: string,
  { method = 'GET', headers = {}, body, agent, msMax = requestMsMaxDefault }: Ask = {},
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const call = http.request(url, { method, headers, agent: agent ?? false, timeout: msMax }, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.once('error', reject);
      response.once('end', () =>
        resolve({ status: response.statusCode ?? 0, headers: response.headers, body: Buffer.concat(chunks).toString('utf8') }),
      );
    });
    call.once('timeout', () => call.destroy(new Error(`${url}: no answer in ${msMax} ms`)));
    call.once('error', reject);
    call.end(body);
  });
}

export interface TrafficReport {
  requests: number;
  /** `503 upstream connect error`, or what the socket said. */
  failures: string[];
}

/** GET requests on kept connections, back to back on each, from its making to `stop`. Anything but a 200 is a failure. */
export class SteadyTraffic {
  private readonly report: TrafficReport = { requests: 0, failures: [] };
  private readonly agent: http.Agent;
  private readonly loops: Promise<void>[];
  private over = false;

  constructor(
    private readonly url: string,
    readonly connections = 4,
  ) {
    this.agent = new http.Agent({ keepAlive: true, maxSockets: connections });
    this.loops = Array.from({ length: connections }, () => this.loop());
  }

  /** So far. */
  get requests(): number {
    return this.report.requests;
  }

  async stop(): Promise<TrafficReport> {
    this.over = true;
    await Promise.all(this.loops);
    this.agent.destroy();
    return this.report;
  }

  private async loop(): Promise<void> {
    while (!this.over) {
      try {
        const { status, body } = await request(this.url, { agent: this.agent });
        if (status !== 200) this.report.failures.push(`${status} ${body.slice(0, 200)}`);
      } catch (thrown) {
        this.report.failures.push(thrown instanceof Error ? thrown.message : String(thrown));
      }
      this.report.requests++;
    }
  }
}
