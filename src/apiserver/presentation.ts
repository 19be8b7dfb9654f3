// The form in which objects are given: as they are, as a Table that kubectl prints, or with their metadata alone. Pure.

import { type ApiObject, apiVersionOf, type Column, type Kind } from '#api/kind';
import { columnsOf } from '#api/printer-columns';
import type { Clock } from '#foundation/clock';
import { humanDuration } from '#foundation/human-duration';

export type Form = 'object' | 'table' | 'metadata';

/** From an Accept header, whose first known part wins; anything else is given as JSON. */
export function formOf(accept: string | undefined): Form {
  for (const part of (accept ?? '').split(',')) {
    if (!part.includes('json')) continue;
    if (part.includes('as=Table')) return 'table';
    if (part.includes('as=PartialObjectMetadata')) return 'metadata';
    return 'object';
  }
  return 'object';
}

export interface ListMeta {
  resourceVersion: string;
  continue?: string;
  remainingItemCount?: number;
}

/** What a table's rows carry of their objects: the query's `includeObject`. */
export type Included = 'None' | 'Metadata' | 'Object';

export class Presentation {
  constructor(
    private readonly kind: Kind,
    private readonly version: string,
    readonly form: Form,
    private readonly clock: Clock,
    private readonly included: Included = 'Metadata',
  ) {}

  one(object: ApiObject): object {
    if (this.form === 'table') return this.table([object], { resourceVersion: object.metadata.resourceVersion ?? '' });
    return this.form === 'metadata' ? partial(object) : this.inVersion(object);
  }

  list(objects: readonly ApiObject[], metadata: ListMeta): object {
    if (this.form === 'table') return this.table(objects, metadata);
    if (this.form === 'metadata') {
      return { kind: 'PartialObjectMetadataList', apiVersion: 'meta.k8s.io/v1', metadata, items: objects.map(partial) };
    }
    const apiVersion = apiVersionOf(this.kind, this.version);
    return { kind: `${this.kind.kind}List`, apiVersion, metadata, items: objects.map((object) => this.inVersion(object)) };
  }

  private inVersion(object: ApiObject): object {
    return { ...object, apiVersion: apiVersionOf(this.kind, this.version) };
  }

  private table(objects: readonly ApiObject[], metadata: ListMeta): object {
    const columns = this.kind.columns ?? columnsOf(this.kind.kind, true);
    const narrow = columns.filter(({ wide }) => !wide);
    const wide = columns.filter((each) => each.wide);
    return {
      kind: 'Table',
      apiVersion: 'meta.k8s.io/v1',
      metadata,
      columnDefinitions: [
        definition('Name', false, 'name'),
        ...narrow.map(({ title }) => definition(title, false)),
        definition('Age', false),
        ...wide.map(({ title }) => definition(title, true)),
      ],
      rows: objects.map((object) => ({
        cells: this.cells(object, narrow, wide),
        ...(this.included !== 'None' && { object: this.included === 'Object' ? this.inVersion(object) : partial(object) }),
      })),
    };
  }

  private cells(object: ApiObject, narrow: readonly Column[], wide: readonly Column[]): string[] {
    const nowMs = this.clock.wallMs();
    const of = (columns: readonly Column[]) => columns.map(({ cell }) => cell(object, nowMs));
    return [object.metadata.name, ...of(narrow), ageOf(object, nowMs), ...of(wide)];
  }
}

function ageOf({ metadata }: ApiObject, nowMs: number): string {
  if (metadata.creationTimestamp === undefined) return '<unknown>';
  return humanDuration(nowMs - Date.parse(metadata.creationTimestamp));
}

function partial({ metadata }: ApiObject): object {
  return { kind: 'PartialObjectMetadata', apiVersion: 'meta.k8s.io/v1', metadata };
}

/** Of priority 1 is what is shown with `-o wide` only. */
function definition(name: string, wide: boolean, format = ''): object {
  return { name, type: 'string', format, description: '', priority: wide ? 1 : 0 };
}
