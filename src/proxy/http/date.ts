// The `date` header: one string per second, not per response.

let second = -1;
let text = '';

/** IMF-fixdate of a Unix time in milliseconds. Remembers the last second, for whoever asks. */
export function httpDate(wallMs: number): string {
  const now = Math.floor(wallMs / 1000);
  if (now !== second) {
    second = now;
    text = new Date(now * 1000).toUTCString();
  }
  return text;
}
