// The pages of Bookinfo's product page. No script, no font and no picture from elsewhere.

export type Answer<T> = { ok: true; value: T } | { ok: false; status: number };

export type Details = Record<string, string | number>;

export interface Reviews {
  podname?: string;
  reviews: { reviewer: string; text: string; rating?: { stars: number; color: string } | { error: string } }[];
}

export interface ProductView {
  product: { title: string; descriptionHtml: string };
  user: string | undefined;
  details: Answer<Details>;
  reviews: Answer<Reviews>;
}

export function productPage({ product, user, details, reviews }: ProductView): string {
  return page(
    product.title,
    `<header><a class="brand" href="/">Bookinfo <small>sample</small></a>${session(user)}</header>
<main>
<section class="hero"><h1>${escapeHtml(product.title)}</h1><p>${product.descriptionHtml}</p></section>
<div class="columns">
<section class="card"><h2>Book Details</h2>${details.ok ? detailsTable(details.value) : unavailable('product details')}</section>
<section class="card"><h2>Book Reviews</h2>${reviews.ok ? reviewList(reviews.value) : unavailable('product reviews')}</section>
</div>
</main>`,
  );
}

export function indexPage(): string {
  return page(
    'Bookinfo',
    `<header><a class="brand" href="/">Bookinfo <small>sample</small></a></header>
<main><section class="hero"><h1>Bookinfo</h1><p>A bookshop of four small services, three versions of one of them, and a mesh between them.</p>
<p><a class="button" href="/productpage">Normal user</a></p></section></main>`,
  );
}

function session(user: string | undefined): string {
  if (user !== undefined) return `<span class="session">${escapeHtml(user)} <a class="button" href="/logout">Sign out</a></span>`;
  return `<form class="session" method="post" action="/login"><input name="username" placeholder="User name" aria-label="User name" required>
<input name="passwd" type="password" placeholder="Password" aria-label="Password"><button class="button">Sign in</button></form>`;
}

const detailNames = ['ISBN-10', 'publisher', 'pages', 'type', 'language', 'author', 'year'];

function detailsTable(details: Details): string {
  const rows = detailNames.filter((name) => details[name] !== undefined);
  return `<table>${rows.map((name) => `<tr><th>${title(name)}</th><td>${escapeHtml(String(details[name]))}</td></tr>`).join('')}</table>`;
}

function reviewList({ reviews, podname }: Reviews): string {
  const items = reviews.map(
    ({ reviewer, text, rating }) =>
      `<blockquote><p>${escapeHtml(text)}</p><footer>${escapeHtml(reviewer)} ${ratingOf(rating)}</footer></blockquote>`,
  );
  return `${items.join('')}${podname ? `<p class="served">Reviews served by: <code>${escapeHtml(podname)}</code></p>` : ''}`;
}

function ratingOf(rating: Reviews['reviews'][number]['rating']): string {
  if (rating === undefined) return '';
  if ('error' in rating) return `<em class="error">${escapeHtml(rating.error)}</em>`;
  const color = rating.color === 'red' ? 'red' : 'black';
  return `<span class="stars" style="color: ${color}" title="${rating.stars} of 5">${'★'.repeat(rating.stars)}${'☆'.repeat(5 - rating.stars)}</span>`;
}

function unavailable(what: string): string {
  return `<p class="error"><strong>Error fetching ${what}!</strong><br>Sorry, ${what} are currently unavailable for this book.</p>`;
}

function title(name: string): string {
  return name.charAt(0).toUpperCase() + name.slice(1);
}

function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (c) => `&#${c.charCodeAt(0)};`);
}

const style = `
:root{color-scheme:light;--ink:#1d2733;--muted:#5c6b7a;--line:#e3e8ee;--accent:#1f6f8b}
*{box-sizing:border-box}
body{margin:0;font:16px/1.55 system-ui,-apple-system,"Segoe UI",Roboto,"Noto Sans",sans-serif;color:var(--ink);background:#f6f8fa}
header{display:flex;justify-content:space-between;align-items:center;gap:1rem;flex-wrap:wrap;padding:.8rem 2rem;background:#fff;border-bottom:1px solid var(--line)}
.brand{font-weight:700;color:var(--ink);text-decoration:none}.brand small{color:var(--muted);font-weight:400}
main{max-width:64rem;margin:0 auto;padding:2rem}
.hero h1{margin:.2rem 0;font-size:2.2rem}.hero p{color:var(--muted);max-width:46rem}
.columns{display:grid;grid-template-columns:repeat(auto-fit,minmax(20rem,1fr));gap:1.5rem;margin-top:1.5rem}
.card{background:#fff;border:1px solid var(--line);border-radius:.8rem;padding:1.2rem 1.5rem}
.card h2{margin:0 0 .8rem;font-size:1.1rem}
table{width:100%;border-collapse:collapse}th,td{text-align:left;padding:.4rem 0;border-bottom:1px solid var(--line)}th{color:var(--muted);font-weight:500}
blockquote{margin:0 0 1rem;padding-left:1rem;border-left:3px solid var(--line)}blockquote p{margin:0 0 .3rem}blockquote footer{color:var(--muted)}
.session{display:flex;gap:.5rem;align-items:center}
.stars{font-size:1.15rem;letter-spacing:.1em}.served{color:var(--muted);font-size:.85rem;margin:0}.error{color:#a4262c}
.button{display:inline-block;padding:.35rem .9rem;border:0;border-radius:.5rem;background:var(--accent);color:#fff;font:inherit;text-decoration:none;cursor:pointer}
input{font:inherit;padding:.3rem .6rem;border:1px solid var(--line);border-radius:.5rem;width:9rem}`;

function page(name: string, body: string): string {
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escapeHtml(name)}</title><link rel="icon" href="data:,"><style>${style}</style></head>
<body>${body}</body></html>
`;
}
