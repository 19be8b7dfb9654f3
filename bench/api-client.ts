// A client of the API as benchmarks have it: kept connections, and who is refused ends the benchmark.
import type { ClientRequest } from 'node:http';
import { type HttpAccess, HttpClient } from '#net/http-access';

const connectionsKept = 64;

export class ApiClient {
  private readonly client: HttpClient;

  constructor(access: HttpAccess) {
    this.client = new HttpClient(access, connectionsKept);
  }

  /** The text of the answer; rejects with it where it is no success. */
  send(method: 'GET' | 'POST' | 'PATCH' | 'DELETE', path: string, content?: object): Promise<string> {
    return new Promise((resolve, reject) => {
      const headers = { 'content-type': method === 'PATCH' ? 'application/merge-patch+json' : 'application/json' };
      const request = this.client.request(method, path, { headers });
      request.once('error', reject);
      request.once('response', (response) => {
        let answer = '';
        response.setEncoding('utf8').on('data', (chunk: string) => (answer += chunk));
        response.once('error', reject);
        response.once('end', () => {
          if ((response.statusCode ?? 500) < 300) resolve(answer);
          else reject(new Error(`${method} ${path}: ${response.statusCode} ${answer.slice(0, 300)}`));
        });
      });
      request.end(content && JSON.stringify(content));
    });
  }

  /** On a connection of its own until it is destroyed. */
  watch(path: string): ClientRequest {
    const request = this.client.request('GET', path);
    request.end();
    return request;
  }

  close(): void {
    this.client.close();
  }
}
