// The `date` header: made once per second, not per response.
import { Field, fieldName } from '#codec/http2/field';

const name = fieldName('date');
let second = -1;
let field = new Field(name, '');

/** IMF-fixdate of a Unix time in milliseconds. Remembers the last second, for whoever asks. */
export function dateField(wallMs: number): Field {
  const now = Math.floor(wallMs / 1000);
  if (now !== second) {
    second = now;
    field = new Field(name, new Date(now * 1000).toUTCString());
  }
  return field;
}
