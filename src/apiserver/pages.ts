// Lists in pages (`limit`, `continue`): a page continues after the name at which the last one ended, so nothing has to be kept between
// them. Pure.
import { type ApiObject, keyOf } from '#api/kind';
import { StoreError } from '#store/store-error';

export interface Page {
  items: readonly ApiObject[];
  /** Where the next page begins; undefined after the last. */
  continue?: string;
  remainingItemCount?: number;
}

/** `items` are in order of their names. Throws StoreError EXPIRED where the token is none of ours. */
export function pageOf(items: readonly ApiObject[], limit: number | undefined, token: string | undefined): Page {
  const after = token === undefined || token === '' ? undefined : keyFrom(token);
  const rest = after === undefined ? items : items.filter(({ metadata }) => keyOf(metadata) > after);
  if (!limit || rest.length <= limit) return { items: rest };
  const page = rest.slice(0, limit);
  const last = keyOf(page.at(-1)!.metadata);
  return {
    items: page,
    continue: Buffer.from(JSON.stringify({ after: last })).toString('base64url'),
    remainingItemCount: rest.length - page.length,
  };
}

function keyFrom(token: string): string {
  try {
    const { after } = JSON.parse(Buffer.from(token, 'base64url').toString('utf8')) as { after?: unknown };
    if (typeof after === 'string') return after;
  } catch {
    // Said below.
  }
  throw new StoreError('EXPIRED', 'the continue parameter is none that this server gave', { hint: 'list again from the beginning' });
}
