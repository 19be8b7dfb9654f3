// Bookinfo's reviews service. v1 shows no stars, v2 black ones, v3 red ones: SERVICE_VERSION says which it is.
import { get, json, propagatedHeaders, serve } from './service.ts';

const version = process.env['SERVICE_VERSION'] ?? 'v1';
const starColor = { v2: 'black', v3: 'red' }[version];
const podName = process.env['POD_NAME'] ?? 'unknown';
/** The black stars are patient, the red ones are not: that is how a delay shows in one version and not in the other. */
const ratingsTimeoutMs = starColor === 'black' ? 10_000 : 2_500;

serve('reviews', async (request, url) => {
  if (url.pathname === '/health') return json(200, { status: 'Reviews is healthy' });
  const id = /^\/reviews\/(\d+)$/.exec(url.pathname)?.[1];
  if (id === undefined) return json(404, { error: 'please provide numeric product id' });
  const ratings = starColor === undefined ? undefined : await fetchRatings(id, propagatedHeaders(request));
  return json(200, {
    id,
    podname: podName,
    clustername: 'null',
    reviews: [
      {
        reviewer: 'Reviewer1',
        text: 'Mistaken twins, quick wit and no dull page: I laughed from the first scene on.',
        ...rating(ratings, 'Reviewer1'),
      },
      { reviewer: 'Reviewer2', text: 'Great fun, though it has not the depth of his later plays.', ...rating(ratings, 'Reviewer2') },
    ],
  });
});

type Ratings = Record<string, number> | 'unavailable';

async function fetchRatings(id: string, headers: Record<string, string>): Promise<Ratings> {
  try {
    const { status, body } = await get(`http://ratings:9080/ratings/${id}`, headers, ratingsTimeoutMs);
    return status === 200 ? (JSON.parse(body) as { ratings: Record<string, number> }).ratings : 'unavailable';
  } catch {
    return 'unavailable';
  }
}

function rating(ratings: Ratings | undefined, reviewer: string): object {
  if (ratings === undefined) return {};
  if (ratings === 'unavailable') return { rating: { error: 'Ratings service is currently unavailable' } };
  return { rating: { stars: ratings[reviewer] ?? 0, color: starColor } };
}
