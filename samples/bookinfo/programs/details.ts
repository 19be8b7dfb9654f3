// Bookinfo's details service: the facts of a book.
import { json, serve } from './service.ts';

serve('details', (_request, url) => {
  if (url.pathname === '/health') return json(200, { status: 'Details is healthy' });
  const id = /^\/details\/(\d+)$/.exec(url.pathname)?.[1];
  if (id === undefined) return json(url.pathname.startsWith('/details/') ? 400 : 404, { error: 'please provide numeric product id' });
  return json(200, {
    id: Number(id),
    author: 'William Shakespeare',
    year: 1595,
    type: 'paperback',
    pages: 200,
    publisher: 'PublisherA',
    language: 'English',
    'ISBN-10': '1234567890',
    'ISBN-13': '123-1234567890',
  });
});
