// One request to a debug or admin interface, for what is not an object of the API.
import { request } from 'node:http';
import { MeshError, messageOf } from '#foundation/mesh-error';

const bytesMax = 256 * 1024 * 1024;

/** The JSON document that a GET gives. Throws MeshError UNAVAILABLE, which says what was expected at the address. */
export async function getJson(url: string, what: string): Promise<unknown> {
  const text = await ask('GET', url, what);
  try {
    return JSON.parse(text) as unknown;
  } catch {
    throw unavailable(url, what, new Error('it answered no JSON'));
  }
}

/** The text of an answer with status 200. Throws MeshError UNAVAILABLE, which says what was expected at the address. */
export function ask(method: 'GET' | 'POST', url: string, what: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const fail = (error: unknown) => reject(unavailable(url, what, error));
    const call = request(url, { method, agent: false, timeout: 10_000 }, (response) => {
      const chunks: Buffer[] = [];
      let bytes = 0;
      response.on('data', (chunk: Buffer) => {
        chunks.push(chunk);
        if ((bytes += chunk.length) > bytesMax) call.destroy(new Error('the answer is too large'));
      });
      response.on('end', () => {
        const text = Buffer.concat(chunks).toString('utf8');
        if (response.statusCode === 200) resolve(text);
        else fail(new Error(`it answered ${response.statusCode}${said(text)}`));
      });
      response.on('error', fail);
    });
    call.on('timeout', () => call.destroy(new Error('no answer in time')));
    call.on('error', fail);
    call.end();
  });
}

/** Of the body of an error, its first line. */
function said(text: string): string {
  const [line = ''] = text.split('\n', 1);
  return line === '' ? '' : `: ${line.slice(0, 300)}`;
}

function unavailable(url: string, what: string, error: unknown): MeshError {
  const refused = (error as NodeJS.ErrnoException).code === 'ECONNREFUSED';
  const message = refused ? `${what} does not listen at ${new URL(url).origin}` : `${what} at ${url}: ${messageOf(error)}`;
  return new MeshError('UNAVAILABLE', message, { cause: error, hint: 'is the mesh running? start it with "npm start" or "lateen up"' });
}
