// IP addresses between text and bytes, for PROXY headers. Pure.

/** Undefined for what is no IPv4 address. */
export function ipv4Bytes(text: string): Buffer | undefined {
  const match = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})$/.exec(text);
  const parts = match?.slice(1).map(Number);
  return parts?.every((part) => part <= 255) ? Buffer.from(parts) : undefined;
}

/** Undefined for what is no IPv6 address; one with a zone or an IPv4 tail is none here. */
export function ipv6Bytes(text: string): Buffer | undefined {
  const [head = '', tail, ...more] = text.split('::');
  if (more.length > 0 || !/^[0-9a-fA-F:]*$/.test(text)) return undefined;
  const front = head === '' ? [] : head.split(':');
  const back = tail === undefined || tail === '' ? [] : tail.split(':');
  const missing = 8 - front.length - back.length;
  if (tail === undefined ? missing !== 0 : missing < 1) return undefined;
  const groups = [...front, ...Array.from({ length: missing }, () => '0'), ...back];
  if (!groups.every((group) => /^[0-9a-fA-F]{1,4}$/.test(group))) return undefined;
  const bytes = Buffer.alloc(16);
  for (const [i, group] of groups.entries()) bytes.writeUInt16BE(Number.parseInt(group, 16), i * 2);
  return bytes;
}

/** Of 4 or 16 bytes; the longest run of zeros in IPv6 is shortened, as RFC 5952 wants. */
export function formatIp(bytes: Buffer): string {
  if (bytes.length === 4) return bytes.join('.');
  const groups = Array.from({ length: 8 }, (_, i) => bytes.readUInt16BE(i * 2).toString(16));
  const runs = [...groups.join(':').matchAll(/(?:^|:)0(?::0)+(?=:|$)/g)].map(([run]) => run);
  const longest = runs.sort((a, b) => b.length - a.length)[0];
  if (longest === undefined) return groups.join(':');
  const text = groups.join(':');
  const at = text.indexOf(longest);
  return `${text.slice(0, at)}::${text.slice(at + longest.length + 1)}`;
}
