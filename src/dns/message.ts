// DNS messages as this layer sees them: one question, an answer of records. Bytes are dns-packet's part. Pure. RFC 1035, 6891.
import { decode, encode, type OptAnswer, type Answer as Record, type RecordType } from 'dns-packet';

export type { Record };

/** Of RFC 1035, section 4.1.1. */
export const rcodes = { noError: 0, formatError: 1, serverFailure: 2, nameError: 3, notImplemented: 4, refused: 5 } as const;
export type Rcode = number;

export interface Question {
  /** As the client writes it, without the last dot. */
  name: string;
  type: RecordType;
}

export interface Query {
  id: number;
  question: Question;
  recursionDesired: boolean;
  /** What the client takes by UDP; undefined: it speaks no EDNS. */
  udpBytesMax: number | undefined;
}

export interface Reply {
  rcode: Rcode;
  answers: readonly Record[];
  /** With the SOA that says how long there is no such name. */
  authorities: readonly Record[];
  /** It is ours to say. */
  authoritative: boolean;
}

/** `refused`: the bytes to send back at once; undefined: there is nobody to send anything to. */
export type Received = { kind: 'query'; query: Query } | { kind: 'refused'; bytes: Buffer };

const headerBytes = 12;
const plainUdpBytesMax = 512;
/** What fits into a packet everywhere: DNS flag day 2020. */
const ednsBytesMax = 1_232;
const flags = { response: 1 << 15, authoritative: 1 << 10, truncated: 1 << 9, recursionDesired: 1 << 8, recursionAvailable: 1 << 7 };

/** Anything may come: what is no query of one question is refused, and what is no message at all is dropped. */
export function decodeQuery(bytes: Buffer): Received | undefined {
  if (bytes.length < headerBytes) return undefined;
  const word = bytes.readUInt16BE(2);
  if ((word & flags.response) !== 0) return undefined;
  const refuse = (rcode: Rcode): Received => ({ kind: 'refused', bytes: emptyReply(bytes.readUInt16BE(0), word, rcode) });
  if (((word >> 11) & 15) !== 0) return refuse(rcodes.notImplemented);
  try {
    const { id = 0, questions = [], additionals = [] } = decode(bytes);
    const [question] = questions;
    if (question === undefined || questions.length !== 1) return refuse(rcodes.formatError);
    if ((question.class ?? 'IN') !== 'IN') return refuse(rcodes.notImplemented);
    const edns = additionals.find((record): record is OptAnswer => record.type === 'OPT');
    return {
      kind: 'query',
      query: {
        id,
        question: { name: question.name, type: question.type },
        recursionDesired: (word & flags.recursionDesired) !== 0,
        udpBytesMax: edns && Math.max(plainUdpBytesMax, Math.min(edns.udpPayloadSize, ednsBytesMax)),
      },
    };
  } catch {
    return refuse(rcodes.formatError);
  }
}

/** `bytesMax`: of a message by UDP: what is longer says that it is cut, and is asked for again by TCP. */
export function encodeReply(query: Query, reply: Reply, transport: 'udp' | 'tcp'): Buffer {
  const bytes = encode(replyPacket(query, reply, reply.answers, reply.authorities, 0));
  const bytesMax = transport === 'tcp' ? 65_535 : (query.udpBytesMax ?? plainUdpBytesMax);
  return bytes.length <= bytesMax ? bytes : encode(replyPacket(query, reply, [], [], flags.truncated));
}

function replyPacket(query: Query, reply: Reply, answers: readonly Record[], authorities: readonly Record[], further: number) {
  const { id, question, recursionDesired, udpBytesMax } = query;
  const asked = recursionDesired ? flags.recursionDesired : 0;
  const edns: OptAnswer[] =
    udpBytesMax === undefined
      ? []
      : [{ type: 'OPT', name: '.', udpPayloadSize: ednsBytesMax, extendedRcode: 0, ednsVersion: 0, flags: 0, flag_do: false, options: [] }];
  return {
    type: 'response' as const,
    id,
    flags: (reply.authoritative ? flags.authoritative : 0) | asked | flags.recursionAvailable | further | reply.rcode,
    questions: [question],
    answers: [...answers],
    authorities: [...authorities],
    additionals: edns,
  };
}

/** To another server. */
export function encodeQuery(id: number, question: Question): Buffer {
  return encode({
    type: 'query',
    id,
    flags: flags.recursionDesired,
    questions: [question],
    additionals: [
      { type: 'OPT', name: '.', udpPayloadSize: ednsBytesMax, extendedRcode: 0, ednsVersion: 0, flags: 0, flag_do: false, options: [] },
    ],
  });
}

export type Heard = { kind: 'reply'; reply: Reply } | { kind: 'truncated' };

/** Undefined where the bytes are no reply to this very question: somebody lies, or is late. */
export function decodeReply(bytes: Buffer, id: number, question: Question): Heard | undefined {
  try {
    const packet = decode(bytes);
    const [echoed] = packet.questions ?? [];
    const same = echoed?.type === question.type && echoed.name.toLowerCase() === question.name.toLowerCase();
    if (packet.id !== id || packet.type !== 'response' || !same) return undefined;
    if (packet.flag_tc) return { kind: 'truncated' };
    const { answers = [], authorities = [] } = packet;
    return { kind: 'reply', reply: { rcode: bytes.readUInt16BE(2) & 15, answers, authorities, authoritative: false } };
  } catch {
    return undefined;
  }
}

export const failure: Reply = { rcode: rcodes.serverFailure, answers: [], authorities: [], authoritative: false };

function emptyReply(id: number, asked: number, rcode: Rcode): Buffer {
  const bytes = Buffer.alloc(headerBytes);
  bytes.writeUInt16BE(id, 0);
  bytes.writeUInt16BE(flags.response | (asked & (flags.recursionDesired | (15 << 11))) | rcode, 2);
  return bytes;
}
