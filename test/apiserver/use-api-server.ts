// An API server in memory for each test of one file, with the kinds that definitions bring.
import { afterEach, beforeEach } from 'vitest';
import { KindCatalog } from '#api/kind-catalog';
import { ApiServer } from '#apiserver/api-server';
import { ManualClock } from '#foundation/clock';
import { silentLogger } from '#foundation/logger';
import { SeededRandom } from '#foundation/random';
import { MemoryStore } from '#store/memory-store';

/** `url` is there in tests only. */
export function useApiServer(): { readonly url: string } {
  const own = { url: '' };
  let server: ApiServer;
  beforeEach(async () => {
    const clock = new ManualClock();
    const catalog = new KindCatalog();
    const store = new MemoryStore({ clock, random: new SeededRandom(5), kindOf: catalog.kindOf });
    server = new ApiServer({ store, clock, logger: silentLogger, version: '0', catalog });
    own.url = (await server.listen({ host: '127.0.0.1', port: 0 })).url;
  });
  afterEach(() => server.close());
  return own;
}
