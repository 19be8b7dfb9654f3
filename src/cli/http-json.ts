// One request to a debug or admin interface, for what is not an object of the API.
import { MeshError, messageOf } from '#foundation/mesh-error';
import { distrustHint, type HttpAccess, HttpClient } from '#net/http-access';

const bytesMax = 256 * 1024 * 1024;
const timeoutMs = 10_000;

/** Debug interfaces ask nobody who they are. */
const accessOf = (at: string | HttpAccess): HttpAccess => (typeof at === 'string' ? { url: at } : at);

/** The JSON document that a GET gives. Throws MeshError UNAVAILABLE, which says what was expected at the address. */
export async function getJson(at: string | HttpAccess, what: string): Promise<unknown> {
  const text = await ask('GET', at, what);
  try {
    return JSON.parse(text) as unknown;
  } catch {
    throw unavailable(accessOf(at), what, new Error('it answered no JSON'));
  }
}

/** The text of an answer with status 200. Throws MeshError UNAVAILABLE, which says what was expected at the address. */
export function ask(method: 'GET' | 'POST', at: string | HttpAccess, what: string): Promise<string> {
  const access = accessOf(at);
  const client = new HttpClient(access, 0);
  return new Promise((resolve, reject) => {
    const fail = (error: unknown) => reject(unavailable(access, what, error));
    const call = client.request(method, client.url.search, { timeout: timeoutMs });
    call.on('response', (response) => {
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

function unavailable({ url }: HttpAccess, what: string, error: unknown): MeshError {
  const refused = (error as NodeJS.ErrnoException).code === 'ECONNREFUSED';
  const message = refused ? `${what} does not listen at ${new URL(url).origin}` : `${what} at ${url}: ${messageOf(error)}`;
  const hint = distrustHint(error) ?? 'is the mesh running? start it with "npm start" or "lateen up"';
  return new MeshError('UNAVAILABLE', message, { cause: error, hint });
}
