// The mesh's authority over gRPC: Istio's certificate service. Who asks is whom his token says; what he is called is ours to write.
import { type handleUnaryCall, type ServiceError, status } from '@grpc/grpc-js';
import type { Logger } from '#foundation/logger';
import { MeshError, messageOf } from '#foundation/mesh-error';
import type { CertificateSigningRequest, CertificateSigningResponse } from '#identity/certificate-service';
import type { CertificateSigner } from '#identity/certificate-signer';

export function certificateHandlers(
  signer: CertificateSigner,
  trustDomain: () => string,
  logger: Logger,
): { createCertificate: handleUnaryCall<CertificateSigningRequest, CertificateSigningResponse> } {
  return {
    createCertificate: (call, answer) => {
      const [credentials = ''] = call.metadata.get('authorization').map(String);
      const token = credentials.replace(/^Bearer /i, '');
      signer
        .sign({ token, trustDomain: trustDomain(), ...call.request })
        .then((chain) => answer(null, { chain }))
        .catch((thrown: unknown) => {
          const code = codeOf(thrown);
          logger.warn({ peer: call.getPeer(), error: messageOf(thrown) }, 'certificate refused');
          const details = code === status.INTERNAL ? 'the authority cannot sign now: see the control plane’s log' : messageOf(thrown);
          answer(Object.assign(new Error(details), { code, details }) as Partial<ServiceError>);
        });
    },
  };
}

function codeOf(thrown: unknown): status {
  if (!(thrown instanceof MeshError)) return status.INTERNAL;
  if (thrown.code === 'UNAUTHENTICATED') return status.UNAUTHENTICATED;
  return thrown.code === 'REQUEST_INVALID' ? status.INVALID_ARGUMENT : status.INTERNAL;
}
