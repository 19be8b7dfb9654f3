// Keeps the rules for cluster IPs (service-table.ts) in every network namespace that needs them as the Services are by now.
import { MeshError, messageOf } from '#foundation/mesh-error';
import { type ServiceRoute, type ServiceRoutes, ServiceTable, type ServiceTableOptions } from './service-table.ts';
import type { SystemTools } from './system-tools.ts';

/** A command as it has to be run to be in the namespace. */
type Inside = (command: readonly string[]) => readonly string[];

interface Place {
  options: ServiceTableOptions;
  inside: Inside;
  /** Undefined: it is not known what is there, and all is to be made anew. */
  table: ServiceTable | undefined;
  /** Nothing has concerned it so far, and nothing is there. */
  idle: boolean;
  /** Settles when what was asked for so far is done. */
  done: Promise<void>;
}

export class ServiceRules {
  private readonly routes = new Map<string, readonly ServiceRoute[]>();
  private readonly places = new Set<Place>();

  constructor(private readonly tools: SystemTools) {}

  /** Makes the table, with all that there is. Resolves to what is to be called when the namespace ends. Rejects with a MeshError. */
  async add(options: ServiceTableOptions, inside: Inside): Promise<() => void> {
    const place: Place = { options, inside, table: undefined, idle: false, done: Promise.resolve() };
    this.places.add(place);
    const remove = () => void this.places.delete(place);
    await this.bring(place, new Map()).catch((thrown) => {
      remove();
      throw thrown;
    });
    return remove;
  }

  /** Rejects with a MeshError where rules cannot be changed; they are made anew with the next change. */
  async change(changes: ServiceRoutes): Promise<void> {
    for (const [key, routes] of changes) {
      if (routes.length > 0) this.routes.set(key, routes);
      else this.routes.delete(key);
    }
    await Promise.all([...this.places].map((place) => this.bring(place, changes)));
  }

  /** Undefined where nothing concerns it: most pods with a proxy need no table. */
  private creation(table: ServiceTable): string | undefined {
    const routes = table.change(this.routes);
    return routes === undefined ? undefined : table.create() + routes;
  }

  /** One after the other: each change is told from what was there before. */
  private bring(place: Place, changes: ServiceRoutes): Promise<void> {
    const brought = place.done.then(() => this.bringNow(place, changes));
    place.done = brought.catch(() => {});
    return brought;
  }

  private async bringNow(place: Place, changes: ServiceRoutes): Promise<void> {
    if (!this.places.has(place) || (place.idle && !concerns(changes, place.options))) return;
    const { options, table = new ServiceTable(options) } = place;
    const script = place.table ? table.change(changes) : this.creation(table);
    place.idle = script === undefined && place.table === undefined;
    if (script === undefined) return;
    try {
      await this.tools.run(place.inside(this.tools.command('nft', '-f', '-')), script);
      place.table = table;
    } catch (cause) {
      place.table = undefined;
      throw new MeshError('SERVICE_RULES', `rules for cluster IPs: ${messageOf(cause)}`, { cause });
    }
  }
}

function concerns(changes: ServiceRoutes, { protocols }: ServiceTableOptions): boolean {
  for (const routes of changes.values()) if (routes.some(({ protocol }) => protocols.includes(protocol))) return true;
  return false;
}
