// Istio's service for signing certificates, as both ends of gRPC need it: `istio.v1.auth.IstioCertificateService`. Its two messages
// are few fields; they are written and read here.
import { BinaryReader, BinaryWriter, WireType } from '@bufbuild/protobuf/wire';
import type { MethodDefinition, ServiceDefinition } from '@grpc/grpc-js';

export interface CertificateSigningRequest {
  /** PEM. */
  readonly request: string;
  /** 0: the authority's default. */
  readonly validSeconds: number;
}

export interface CertificateSigningResponse {
  /** PEM, the leaf first, the root last. */
  readonly chain: readonly string[];
}

/** Field numbers of `IstioCertificateRequest` and `IstioCertificateResponse`. */
const requestField = { csr: 1, validityDuration: 3 } as const;
const responseField = { certChain: 1 } as const;

function encodeRequest({ request, validSeconds }: CertificateSigningRequest): Buffer {
  const writer = new BinaryWriter().tag(requestField.csr, WireType.LengthDelimited).string(request);
  if (validSeconds > 0) writer.tag(requestField.validityDuration, WireType.Varint).int64(validSeconds);
  return Buffer.from(writer.finish());
}

function decodeRequest(bytes: Buffer): CertificateSigningRequest {
  const reader = new BinaryReader(bytes);
  let request = '';
  let validSeconds = 0;
  while (reader.pos < reader.len) {
    const [field, wireType] = reader.tag();
    if (field === requestField.csr && wireType === WireType.LengthDelimited) request = reader.string();
    else if (field === requestField.validityDuration && wireType === WireType.Varint) validSeconds = Number(reader.int64());
    else reader.skip(wireType, field);
  }
  return { request, validSeconds };
}

function encodeResponse({ chain }: CertificateSigningResponse): Buffer {
  const writer = new BinaryWriter();
  for (const pem of chain) writer.tag(responseField.certChain, WireType.LengthDelimited).string(pem);
  return Buffer.from(writer.finish());
}

function decodeResponse(bytes: Buffer): CertificateSigningResponse {
  const reader = new BinaryReader(bytes);
  const chain: string[] = [];
  while (reader.pos < reader.len) {
    const [field, wireType] = reader.tag();
    if (field === responseField.certChain && wireType === WireType.LengthDelimited) chain.push(reader.string());
    else reader.skip(wireType, field);
  }
  return { chain };
}

export const createCertificate: MethodDefinition<CertificateSigningRequest, CertificateSigningResponse> = {
  path: '/istio.v1.auth.IstioCertificateService/CreateCertificate',
  requestStream: false,
  responseStream: false,
  requestSerialize: encodeRequest,
  requestDeserialize: decodeRequest,
  responseSerialize: encodeResponse,
  responseDeserialize: decodeResponse,
};

export const certificateService = { createCertificate } satisfies ServiceDefinition;
