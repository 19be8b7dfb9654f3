// What a Lua script can ask of a stream, by the names of prelude.ts. What it cannot is an error of the script.
import { isIP } from 'node:net';
import { formatAddress } from '#proxy/config/socket-address';
import { type FieldList, FieldRequestHead, fieldOf, type Head } from '#proxy/http/head';
import type { HttpStream } from '#proxy/http/stream';
import { ClusterCall } from '#proxy/upstream/cluster-call';
import { responseFlag } from '#telemetry/response-flags';
import { publicKey, signatureFault } from './public-key.ts';
import type { RunHost } from './script.ts';

type Value = string | number | boolean | undefined;
type Operation = (a: string, b: string) => Value;

/** A body for a script is a text, and no longer than this. */
export const bodyBytesMax = 1024 * 1024;
const answerBytesMax = 1024 * 1024;
/** Ours by Envoy's. */
const levels: Readonly<Record<string, 'debug' | 'info' | 'warn' | 'error'>> = {
  trace: 'debug',
  debug: 'debug',
  info: 'info',
  warn: 'warn',
  error: 'error',
};

/** The body beside the head. */
export interface ScriptBody {
  readonly present: boolean;
  /** All of it is here. */
  whole(): boolean;
  contents(): Buffer;
  /** Once all is here; undefined: there are none. */
  trailers(): FieldList | undefined;
  setTrailers(trailers: FieldList): void;
}

export class StreamHost implements RunHost {
  /** The script waits for a call that it made. */
  onAnswer: ((text: string) => void) | undefined;
  /** Body that the script has put in the place of what came. */
  replaced: Buffer | undefined;
  private call: ClusterCall | undefined;
  private readonly operations: Readonly<Record<string, Operation>>;

  constructor(
    private readonly stream: HttpStream,
    /** The head that the script is given: the request's or the response's. */
    private readonly head: Head,
    private readonly phase: 'request' | 'response',
    private readonly body: ScriptBody,
    /** By it a route's metadata speak of the filter. */
    private readonly filter: string,
  ) {
    this.operations = {
      ...this.headOperations(),
      ...this.bodyOperations(),
      ...this.trailerOperations(),
      ...this.streamOperations(),
      ...this.peerOperations(),
      ...signatures,
    };
  }

  ask(operation: string, a: unknown, b: unknown): Value {
    const known = this.operations[operation];
    if (known === undefined) throw new Error(`${operation} is not supported`);
    return known(a === undefined || a === null ? '' : String(a), b === undefined || b === null ? '' : String(b));
  }

  cancel(): void {
    this.call?.cancel();
  }

  private headOperations(): Record<string, Operation> {
    const { head, stream, phase } = this;
    const pseudo = phase === 'request' ? [':method', ':path', ':authority', ':scheme'] : [':status'];
    const read = (name: string) =>
      phase === 'request' ? fieldOf(stream.request, name) : name === ':status' ? String(stream.status) : head.header(name);
    return {
      get: (name) => read(name.toLowerCase()),
      list: () => {
        const lines = pseudo.map((name) => `${name}: ${read(name)}`);
        head.forEach((name, value) => void lines.push(`${name}: ${value}`));
        return lines.join('\n');
      },
      add: (name, value) => void head.append(checkedName(name), checkedValue(value)),
      replace: (name, value) => this.replace(name.toLowerCase(), checkedValue(value)),
      remove: (name) => void head.remove(checkedName(name)),
    };
  }

  private replace(name: string, value: string): undefined {
    const { stream, phase, head } = this;
    if (!name.startsWith(':')) head.set(checkedName(name), value);
    else if (phase === 'request' && name === ':path') stream.request.path = value;
    else if (phase === 'request' && name === ':authority') stream.request.authority = value;
    else throw new Error(`${name} cannot be replaced here`);
  }

  private bodyOperations(): Record<string, Operation> {
    const { body } = this;
    return {
      hasBody: () => body.present,
      bodyIsHere: () => body.whole(),
      body: () => {
        const text = (this.replaced ?? body.contents()).toString();
        if (text.includes('\0') || text.includes('\ufffd')) throw new Error('body() of bytes that are no text is not supported');
        return text;
      },
      setBody: (text) => {
        if (!body.present) throw new Error('setBytes() of a message without a body is not supported');
        this.replaced = Buffer.from(text);
        return undefined;
      },
    };
  }

  private trailerOperations(): Record<string, Operation> {
    const { body } = this;
    const all = () => body.trailers() ?? [];
    const without = (name: string) => all().filter((each) => each[0] !== checkedTrailer(name));
    const set = (trailers: FieldList): undefined => void body.setTrailers(trailers);
    return {
      hasTrailers: () => body.trailers() !== undefined,
      'trailer get': (name) => all().find((each) => each[0] === name.toLowerCase())?.[1],
      'trailer list': () =>
        all()
          .map(([name, value]) => `${name}: ${value}`)
          .join('\n'),
      'trailer add': (name, value) => set([...all(), [checkedTrailer(name), checkedValue(value)]]),
      'trailer replace': (name, value) => set([...without(name), [checkedTrailer(name), checkedValue(value)]]),
      'trailer remove': (name) => set(without(name)),
    };
  }

  private peerOperations(): Record<string, Operation> {
    const tls = () => this.stream.connection.tls;
    const peer = () => tls()?.peer;
    const seconds = (ms: number | undefined) => (ms === undefined ? undefined : Math.floor(ms / 1000));
    return {
      tlsVersion: () => tls()?.version,
      tlsCipher: () => tls()?.cipher,
      peerSubject: () => peer()?.subject,
      peerIssuer: () => peer()?.issuer,
      peerSerial: () => peer()?.serial,
      peerDigest: () => peer()?.hash,
      peerUris: () => luaLiteral(peer()?.uriNames ?? []),
      peerDnsNames: () => luaLiteral(peer()?.dnsNames ?? []),
      peerValidFrom: () => seconds(peer()?.validFromMs),
      peerValidTo: () => seconds(peer()?.validToMs),
    };
  }

  private streamOperations(): Record<string, Operation> {
    const { stream } = this;
    const { connection, manager } = stream;
    return {
      protocol: () => stream.protocol,
      routeName: () => stream.routeName,
      localAddress: () => stream.downstreamLocal,
      remoteAddress: () => stream.downstreamRemote,
      serverName: () => connection.serverName,
      routeMetadata: () => {
        const { filterMetadata } = stream.route ?? {};
        return luaLiteral(filterMetadata?.[this.filter] ?? filterMetadata?.[canonicalName] ?? {});
      },
      allMetadata: () => luaLiteral(Object.fromEntries(stream.allMetadata())),
      metadata: (filter) => {
        const found = stream.metadataOf(filter);
        return found && luaLiteral(found);
      },
      setMetadata: (key, value) => {
        const [filter = '', name = ''] = key.split('\n');
        stream.setMetadata(filter, { [name]: value });
        return undefined;
      },
      clearRouteCache: () => void stream.chooseRouteAgain(),
      overrideHost: (host, strict) => this.overrideHost(host, strict === 'true'),
      timestamp: () => Math.floor(manager.runtime.clock.wallMs()),
      base64: (text) => Buffer.from(text).toString('base64'),
      log: (level, text) => void manager.runtime.logger[levels[level] ?? 'info']({ script: true }, text),
      respond: (lines, body) => this.respond(lines, body),
      call: (target, message) => this.startCall(target, message),
    };
  }

  private overrideHost(host: string, strict: boolean): undefined {
    if (this.phase === 'response') throw new Error('setUpstreamOverrideHost() of a response is not supported');
    const [, address = '', port = ''] = /^\[?(.*?)\]?:(\d+)$/.exec(host) ?? [];
    if (isIP(address) === 0)
      throw new Error(`setUpstreamOverrideHost() wants an IP address and a port, and ${JSON.stringify(host)} is not that`);
    this.stream.hostOverride = { address: formatAddress({ address, port: Number(port) }), strict };
  }

  private respond(lines: string, body: string): undefined {
    const { stream, phase } = this;
    if (phase === 'response') throw new Error('respond() of a response is not supported');
    const fields = fieldsOf(lines);
    const status = Number(fields.find(([name]) => name === ':status')?.[1] ?? 200);
    if (!(status >= 200 && status < 600)) throw new Error(`respond() with :status ${status}`);
    const headers = fields.filter(([name]) => !name.startsWith(':'));
    stream.reply({ status, flags: responseFlag.none, details: 'lua_response', body, headers });
  }

  private startCall(target: string, message: string): undefined {
    if (this.phase === 'response' && this.stream.status === 101) throw new Error('httpCall() of an upgrade is not supported');
    const { runtime } = this.stream.manager;
    const [cluster = '', timeoutMs = '', asynchronous = ''] = target.split('\n');
    const end = message.indexOf('\n\n');
    const fields = fieldsOf(message.slice(0, end));
    const body = Buffer.from(message.slice(end + 2));
    const field = (name: string, otherwise: string) => fields.find((each) => each[0] === name)?.[1] ?? otherwise;
    const rest = fields.filter(([name]) => !name.startsWith(':') && name !== 'content-length');
    const head = new FieldRequestHead(field(':method', 'GET'), field(':authority', cluster), field(':path', '/'), [
      ...rest,
      ['content-length', String(body.length)],
    ]);
    const request = { cluster, head, body, timeoutMs: Number(timeoutMs) || defaultCallMs, answerBytesMax };
    const call = new ClusterCall(runtime, request, (result) => {
      if (asynchronous === 'true') return;
      // As Envoy does, a call that fails is a 503.
      if (result.kind === 'failure') this.answer(`:status: 503\n\n${result.reason}`);
      else {
        const lines = [`:status: ${result.head.status}`];
        result.head.forEach((name, value) => void lines.push(`${name}: ${value}`));
        this.answer(`${lines.join('\n')}\n\n${result.body.toString()}`);
      }
    });
    if (asynchronous !== 'true') this.call = call;
  }

  /** In a turn of its own: the script that has made the call may not wait for it yet. */
  private answer(text: string): void {
    this.call = undefined;
    setImmediate(() => this.onAnswer?.(text));
  }
}

const defaultCallMs = 5000;
/** By which routes speak of the filter, whatever its name. */
const canonicalName = 'envoy.filters.http.lua';

const signatures: Readonly<Record<string, Operation>> = {
  isKey: (hex) => publicKey(hex) !== undefined,
  signatureFault: (hash, text) => {
    const [key = '', signature = '', data = ''] = text.split(' ');
    return signatureFault(hash, key, signature, data);
  },
};

function fieldsOf(lines: string): (readonly [name: string, value: string])[] {
  return lines
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => {
      const at = line.indexOf(': ');
      const name = line.slice(0, at).toLowerCase();
      return [name.startsWith(':') ? name : checkedName(name), checkedValue(line.slice(at + 2))] as const;
    });
}

const namePattern = /^[!#$%&'*+.^_`|~0-9a-z-]+$/;
// biome-ignore lint/suspicious/noControlCharactersInRegex: that is what it looks for
const badValue = /[\x00-\x08\x0a-\x1f\x7f]/;

function checkedName(name: string): string {
  const lower = name.toLowerCase();
  if (!namePattern.test(lower)) throw new Error(`${JSON.stringify(name)} is no name of a header`);
  return lower;
}

/** Of what frames a message, or is about the connection, nothing stands in trailers. */
const notInTrailers = new Set(['content-length', 'transfer-encoding', 'host', 'connection', 'trailer', 'upgrade', 'te']);

function checkedTrailer(name: string): string {
  const checked = checkedName(name);
  if (notInTrailers.has(checked)) throw new Error(`${checked} is no trailer`);
  return checked;
}

function checkedValue(value: string): string {
  if (badValue.test(value)) throw new Error('a value of a header has control characters');
  return value;
}

/** A plain value as Lua writes it; text is escaped byte by byte, so that nothing of it is code. */
function luaLiteral(value: unknown): string {
  if (typeof value === 'string') return `'${[...Buffer.from(value)].map((byte) => `\\${String(byte).padStart(3, '0')}`).join('')}'`;
  if (typeof value === 'number' || typeof value === 'boolean') return String(value);
  if (Array.isArray(value)) return `{${value.map(luaLiteral).join(',')}}`;
  if (typeof value === 'object' && value !== null) {
    return `{${Object.entries(value)
      .map(([key, part]) => `[${luaLiteral(key)}]=${luaLiteral(part)}`)
      .join(',')}}`;
  }
  return 'nil';
}
