// Collectors of telemetry for tests: one that takes any gRPC call and keeps its bytes, and how configuration names it.
import { readFileSync } from 'node:fs';
import * as grpc from '@grpc/grpc-js';
import { CanonicalJson } from '#codec/protobuf/canonical-json';

export interface Collector {
  port: number;
  /** What was called, and with what, in canonical JSON. */
  readonly reports: { path: string; report: unknown }[];
  /** Resolves when so many have come. */
  received(count: number): Promise<Collector['reports']>;
  close(): void;
}

const json = new CanonicalJson(readFileSync(new URL('../../../src/codec/protobuf/generated/descriptors.binpb', import.meta.url)));

/** `services`: the path of each method, to the name of its request's message. */
export async function startCollector(services: Readonly<Record<string, string>>): Promise<Collector> {
  const server = new grpc.Server();
  const reports: Collector['reports'] = [];
  const waiting = new Set<() => void>();
  for (const [path, message] of Object.entries(services)) {
    const identity = (bytes: Buffer) => bytes;
    const method = {
      path,
      requestStream: false,
      responseStream: false,
      requestSerialize: identity,
      requestDeserialize: identity,
      responseSerialize: identity,
      responseDeserialize: identity,
    };
    const handler = (call: grpc.ServerUnaryCall<Buffer, Buffer>, done: grpc.sendUnaryData<Buffer>) => {
      reports.push({ path, report: json.print(`type.googleapis.com/${message}`, call.request) });
      for (const wake of waiting) wake();
      done(null, Buffer.alloc(0));
    };
    server.addService({ export: method }, { export: handler });
  }
  const port = await new Promise<number>((resolve, reject) =>
    server.bindAsync('127.0.0.1:0', grpc.ServerCredentials.createInsecure(), (error, bound) => (error ? reject(error) : resolve(bound))),
  );
  return {
    port,
    reports,
    received: async (count) => {
      while (reports.length < count) await new Promise<void>((resolve) => waiting.add(resolve));
      return reports;
    },
    close: () => server.forceShutdown(),
  };
}

/** `grpc_service` of a cluster. */
export const grpcServiceOf = (clusterName: string) => ({ targetSpecifier: { $case: 'envoyGrpc', value: { clusterName } } }) as const;
