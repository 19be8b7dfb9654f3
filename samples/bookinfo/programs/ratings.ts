// Bookinfo's ratings service: how many stars each reviewer gave. What is posted is kept until the program ends.
import { json, serve } from './service.ts';

const productsMax = 1_000;
const posted = new Map<string, Record<string, number>>();

serve('ratings', (request, url, body) => {
  if (url.pathname === '/health') return json(200, { status: 'Ratings is healthy' });
  const id = /^\/ratings\/(\d+)$/.exec(url.pathname)?.[1];
  if (id === undefined) return json(url.pathname.startsWith('/ratings/') ? 400 : 404, { error: 'please provide numeric product ID' });
  if (request.method === 'POST') {
    const ratings = parseRatings(body);
    if (ratings === undefined) return json(400, { error: 'please provide valid ratings JSON' });
    if (posted.size < productsMax || posted.has(id)) posted.set(id, ratings);
    return json(200, { id: Number(id), ratings });
  }
  return json(200, { id: Number(id), ratings: posted.get(id) ?? { Reviewer1: 5, Reviewer2: 4 } });
});

function parseRatings(body: string): Record<string, number> | undefined {
  try {
    const value: unknown = JSON.parse(body);
    if (typeof value !== 'object' || value === null) return undefined;
    return Object.values(value).every((stars) => typeof stars === 'number') ? (value as Record<string, number>) : undefined;
  } catch {
    return undefined;
  }
}
