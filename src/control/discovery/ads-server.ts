// The control plane's gRPC server: aggregated discovery in both protocols of the service (a stream is one AdsConnection), and what is
// served beside it.
import {
  type handleBidiStreamingCall,
  Server,
  ServerCredentials,
  type ServerDuplexStream,
  type ServiceDefinition,
  type ServiceError,
  status,
  type UntypedServiceImplementation,
} from '@grpc/grpc-js';
import { AggregatedDiscoveryServiceService } from '#codec/protobuf/generated/envoy/service/discovery/v3/ads';
import type {
  DeltaDiscoveryRequest,
  DeltaDiscoveryResponse,
  DiscoveryRequest,
  DiscoveryResponse,
} from '#codec/protobuf/generated/envoy/service/discovery/v3/discovery';
import type { Logger } from '#foundation/logger';
import { MeshError, messageOf } from '#foundation/mesh-error';
import { listenFailure } from '#net/port-owner';
import { DeltaSubscription } from '#xds/delta-subscription';
import type { TypeUrl } from '#xds/resource-type';
import { SotwSubscription } from '#xds/sotw-subscription';
import type { Subscription } from '#xds/subscription';
import type { Discovery } from './discovery.ts';
import { AdsConnection, type StreamRequest } from './proxy-connection.ts';

const requestBytesMax = 16 * 1024 * 1024;
const keepaliveMs = 30_000;

export class AdsServer {
  private readonly server = new Server({
    'grpc.max_receive_message_length': requestBytesMax,
    'grpc.max_send_message_length': -1,
    'grpc.keepalive_time_ms': keepaliveMs,
    'grpc.keepalive_timeout_ms': keepaliveMs / 3,
  });

  constructor(
    private readonly discovery: Discovery,
    private readonly logger: Logger,
  ) {
    this.server.addService(AggregatedDiscoveryServiceService, {
      streamAggregatedResources: this.stream<DiscoveryRequest, DiscoveryResponse>((type) => new SotwSubscription(type), false),
      deltaAggregatedResources: this.stream<DeltaDiscoveryRequest, DeltaDiscoveryResponse>((type) => new DeltaSubscription(type), true),
    });
  }

  /** One more service on the same port; before `listen`. */
  add(service: ServiceDefinition, handlers: UntypedServiceImplementation): void {
    this.server.addService(service, handlers);
  }

  /** Resolves to the port that was bound; 0 asks for any. Throws MeshError ADDRESS_IN_USE or LISTEN_FAILED. */
  listen(address: { host: string; port: number }): Promise<number> {
    return new Promise((resolve, reject) => {
      this.server.bindAsync(`${address.host}:${address.port}`, ServerCredentials.createInsecure(), (cause, port) => {
        if (cause) listenFailure('xDS', address, cause).then(reject, reject);
        else resolve(port);
      });
    });
  }

  /** Ends every stream. */
  stop(): void {
    this.server.forceShutdown();
  }

  private stream<Request extends StreamRequest, Response>(
    createSubscription: (type: TypeUrl) => Subscription<Request, Response>,
    incremental: boolean,
  ): handleBidiStreamingCall<Request, Response> {
    return (call) => this.serve(call, createSubscription, incremental);
  }

  private serve<Request extends StreamRequest, Response>(
    call: ServerDuplexStream<Request, Response>,
    createSubscription: (type: TypeUrl) => Subscription<Request, Response>,
    incremental: boolean,
  ): void {
    const { discovery } = this;
    const connection = new AdsConnection<Request, Response>({
      createSubscription,
      incremental,
      write: (response) => call.write(response),
      source: discovery,
      observer: discovery,
    });
    let open = true;
    const close = (): void => {
      if (!open) return;
      open = false;
      discovery.disconnect(connection);
    };
    if (!discovery.connect(connection)) {
      call.emit('error', serviceError(status.RESOURCE_EXHAUSTED, 'too many proxies are connected'));
      return;
    }
    call.on('data', (request: Request) => {
      if (!open) return;
      try {
        connection.receive(request);
      } catch (thrown) {
        const code = !(thrown instanceof MeshError)
          ? status.INTERNAL
          : thrown.code === 'NODE_INVALID'
            ? status.INVALID_ARGUMENT
            : status.RESOURCE_EXHAUSTED;
        this.logger.warn(
          { peer: call.getPeer(), error: messageOf(thrown), ...(code === status.INTERNAL && { stack: (thrown as Error).stack }) },
          'xDS stream ended',
        );
        close();
        call.emit('error', serviceError(code, messageOf(thrown)));
      }
    });
    call.on('end', () => {
      close();
      call.end();
    });
    call.on('cancelled', close);
    call.on('close', close);
    call.on('error', close);
  }
}

function serviceError(code: status, details: string): Partial<ServiceError> & Error {
  return Object.assign(new Error(details), { code, details });
}
