// HTTP/2 frames by hand, for clients that break its rules: RFC 9113 section 4.1.

export const preface = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');

export const type = { data: 0, headers: 1, reset: 3, settings: 4, ping: 6, windowUpdate: 8, continuation: 9 } as const;
export const flag = { endStream: 1, endHeaders: 4 } as const;

export function frame(kind: number, flags: number, stream: number, payload: Buffer = Buffer.alloc(0)): Buffer {
  const header = Buffer.alloc(9);
  header.writeUIntBE(payload.length, 0, 3);
  header[3] = kind;
  header[4] = flags;
  header.writeUInt32BE(stream, 5);
  return Buffer.concat([header, payload]);
}

/** A request for `/1k`, in HPACK: indexed GET, http; `:path` and `:authority` as literals that are not indexed. */
export const requestBlock = Buffer.concat([Buffer.from([0x82, 0x86]), literal(4, '/1k'), literal(1, '127.0.0.1')]);

function literal(name: number, value: string): Buffer {
  return Buffer.concat([Buffer.from([name, value.length]), Buffer.from(value)]);
}

export const emptySettings = frame(type.settings, 0, 0);
