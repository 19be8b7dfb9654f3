// Headers that the proxy adds to message after message, with values that come again and again: each is made, and written as a line, once.
import { Field, type FieldName, fieldName } from '#codec/http2/field';

export class FieldCache {
  private readonly fields = new Map<string | number, Field>();
  readonly name: FieldName;

  /** `sizeMax`: values beyond so many are not remembered. */
  constructor(
    name: string,
    private readonly sizeMax: number,
  ) {
    this.name = fieldName(name);
  }

  of(value: string | number): Field {
    let field = this.fields.get(value);
    if (field === undefined) {
      field = new Field(this.name, String(value));
      if (this.fields.size < this.sizeMax) this.fields.set(value, field);
    }
    return field;
  }
}
