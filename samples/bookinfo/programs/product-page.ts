// Bookinfo's product page: a page for people, an API for programs, a login that is a name alone. Details and reviews
// are other services; when one does not answer, the page says so and shows the rest.
import { createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import type http from 'node:http';
import { type Answer, type Details, indexPage, productPage, type Reviews } from './product-page-html.ts';
import { get, json, propagatedHeaders, type Reply, serve } from './service.ts';

const product = {
  id: 0,
  title: 'The Comedy of Errors',
  descriptionHtml:
    'One of William Shakespeare’s first and shortest comedies: two pairs of twins, parted by a shipwreck, cross paths in ' +
    'Ephesus, and everybody takes everybody for somebody else.',
};

const timeoutMs = 3_000;
const requests = new Map<string, number>();

serve('productpage', async (request, url, body) => {
  requests.set(url.pathname, (requests.get(url.pathname) ?? 0) + (requests.size < 100 || requests.has(url.pathname) ? 1 : 0));
  switch (url.pathname) {
    case '/':
    case '/index.html':
      return html(200, indexPage());
    case '/health':
      return { status: 200, body: 'Product page is healthy' };
    case '/metrics':
      return { status: 200, headers: { 'content-type': 'text/plain; version=0.0.4' }, body: metrics() };
    case '/productpage':
      return showProduct(request);
    case '/login':
      return login(request, body);
    case '/logout':
      return redirect(`${cookieName}=; Path=/; Max-Age=0`);
    case '/api/v1/products':
      return json(200, [product]);
    default:
      return api(request, url.pathname);
  }
});

async function api(request: http.IncomingMessage, path: string): Promise<Reply> {
  const match = /^\/api\/v1\/products\/(\d+)(?:\/(reviews|ratings))?$/.exec(path);
  if (match === null) return path.startsWith('/static/') ? { status: 404, body: '' } : json(404, { error: 'not found' });
  const headers = forwardHeaders(request);
  const [, id, part] = match;
  const target = part === undefined ? `http://details:9080/details/${id}` : `http://${part}:9080/${part}/${id}`;
  const answer = await ask<unknown>(target, headers, part === 'reviews' ? 2 : 1);
  return answer.ok
    ? json(200, answer.value)
    : json(answer.status, { error: `Sorry, product ${part ?? 'details'} are currently unavailable for this book.` });
}

async function showProduct(request: http.IncomingMessage): Promise<Reply> {
  const headers = forwardHeaders(request);
  const [details, reviews] = await Promise.all([
    ask<Details>('http://details:9080/details/0', headers, 1),
    ask<Reviews>('http://reviews:9080/reviews/0', headers, 2),
  ]);
  return html(200, productPage({ product, user: signedIn(request), details, reviews }));
}

/** Reviews are asked for twice before giving up, as in the original: it makes a timeout further down visible. */
async function ask<T>(target: string, headers: Record<string, string>, tries: number): Promise<Answer<T>> {
  let status = 500;
  for (let i = 0; i < tries; i++) {
    try {
      const answer = await get(target, headers, timeoutMs);
      if (answer.status === 200) return { ok: true, value: JSON.parse(answer.body) as T };
      status = answer.status;
    } catch {
      status = 500;
    }
  }
  return { ok: false, status };
}

// ---- the session: a signed name in a cookie

const cookieName = 'session';
const key = randomBytes(32);

function login(request: http.IncomingMessage, body: string): Reply {
  if (request.method !== 'POST') return { status: 405, headers: { allow: 'POST' }, body: '' };
  const user = (new URLSearchParams(body).get('username') ?? '').slice(0, 64);
  const signed = `${Buffer.from(user).toString('base64url')}.${sign(user)}`;
  return redirect(`${cookieName}=${signed}; Path=/; HttpOnly; SameSite=Lax`);
}

/** The name in the cookie, if its signature is ours. */
function signedIn(request: http.IncomingMessage): string | undefined {
  const cookie = /(?:^|;\s*)session=([\w-]*)\.([\w-]+)/.exec(request.headers.cookie ?? '');
  if (cookie === null) return undefined;
  const user = Buffer.from(cookie[1] ?? '', 'base64url').toString('utf8');
  const given = Buffer.from(cookie[2] ?? '');
  const expected = Buffer.from(sign(user));
  return user !== '' && given.length === expected.length && timingSafeEqual(given, expected) ? user : undefined;
}

function sign(user: string): string {
  return createHmac('sha256', key).update(user).digest('base64url');
}

/** The user of the session goes on as `end-user`; without a session, one that came as a header stays. */
function forwardHeaders(request: http.IncomingMessage): Record<string, string> {
  const user = signedIn(request);
  return { ...propagatedHeaders(request), ...(user === undefined ? {} : { 'end-user': user }) };
}

function redirect(cookie: string): Reply {
  return { status: 302, headers: { location: '/productpage', 'set-cookie': cookie }, body: '' };
}

function html(status: number, body: string): Reply {
  return { status, headers: { 'content-type': 'text/html; charset=utf-8' }, body };
}

function metrics(): string {
  const lines = [...requests].map(([path, count]) => `request_result_total{path="${path.replace(/["\\\n]/g, '')}"} ${count}`);
  return ['# TYPE request_result_total counter', ...lines, ''].join('\n');
}
