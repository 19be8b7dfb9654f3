// One GET of a JSON document, for what is not an object of the API.
import { get } from 'node:http';
import { MeshError, messageOf } from '#foundation/mesh-error';

const bytesMax = 64 * 1024 * 1024;

/** Throws MeshError UNAVAILABLE, which says what was expected at the address. */
export function getJson(url: string, what: string): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const fail = (error: unknown) => {
      const refused = (error as NodeJS.ErrnoException).code === 'ECONNREFUSED';
      const message = refused ? `${what} does not listen at ${new URL(url).origin}` : `${what} at ${url}: ${messageOf(error)}`;
      reject(
        new MeshError('UNAVAILABLE', message, { cause: error, hint: 'is the mesh running? start it with "npm start" or "lateen up"' }),
      );
    };
    const call = get(url, { agent: false, timeout: 10_000 }, (response) => {
      const chunks: Buffer[] = [];
      let bytes = 0;
      response.on('data', (chunk: Buffer) => {
        chunks.push(chunk);
        if ((bytes += chunk.length) > bytesMax) call.destroy(new Error('the answer is too large'));
      });
      response.on('end', () => {
        if (response.statusCode !== 200) fail(new Error(`it answered ${response.statusCode}`));
        else resolveJson(Buffer.concat(chunks).toString('utf8'), resolve, fail);
      });
      response.on('error', fail);
    });
    call.on('timeout', () => call.destroy(new Error('no answer in time')));
    call.on('error', fail);
  });
}

function resolveJson(text: string, resolve: (value: unknown) => void, fail: (error: unknown) => void): void {
  try {
    resolve(JSON.parse(text));
  } catch {
    fail(new Error('it answered no JSON'));
  }
}
