// One HTTP call, for real, from where the process is.
import http from 'node:http';
import { MeshError } from '#foundation/mesh-error';

const timeoutMs = 30_000;
const bodyBytesMax = 64 * 1024;

export interface HttpCall {
  /** To connect to: a name, or an address. */
  host: string;
  port: number;
  method: string;
  /** Of the request line: a path, or a whole URL where `host` is an HTTP proxy. */
  path: string;
  headers: Readonly<Record<string, string>>;
}

export interface HttpAnswer {
  status: number;
  location: string | undefined;
  /** Its first 64 KB. */
  body: string;
}

/** Rejects with MeshError UNAVAILABLE where no answer comes within 30 s. */
export function sendHttp(call: HttpCall): Promise<HttpAnswer> {
  return new Promise((resolve, reject) => {
    const fail = (error: Error) => reject(new MeshError('UNAVAILABLE', `the call got no answer: ${error.message}`, { cause: error }));
    const request = http.request({ ...call, agent: false, timeout: timeoutMs }, (response) => {
      let body = '';
      response.setEncoding('utf8').on('data', (text: string) => {
        if (body.length < bodyBytesMax) body += text;
      });
      response.on('end', () => resolve({ status: response.statusCode ?? 0, location: response.headers.location, body }));
      response.on('error', fail);
    });
    request.on('timeout', () => request.destroy(new Error(`none within ${timeoutMs} ms`)));
    request.on('error', fail);
    request.end();
  });
}
