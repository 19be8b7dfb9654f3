// Ports that Istio's resources open, and the TLS that servers speak on them: of Gateway and Sidecar.
import { Type } from '@sinclair/typebox';
import { bool, enumOf, message, port, text, texts } from './field.ts';

const gatewayPortFields = { number: port, protocol: text, name: text, targetPort: port };
export const gatewayPortSchema = message(gatewayPortFields, ['number', 'protocol', 'name']);
export const sidecarPortSchema = message(gatewayPortFields);

const tlsVersion = enumOf('TLS_AUTO', 'TLSV1_0', 'TLSV1_1', 'TLSV1_2', 'TLSV1_3');

export const serverTlsSchema = message(
  {
    httpsRedirect: bool,
    mode: enumOf('PASSTHROUGH', 'SIMPLE', 'MUTUAL', 'AUTO_PASSTHROUGH', 'ISTIO_MUTUAL', 'OPTIONAL_MUTUAL'),
    serverCertificate: text,
    privateKey: text,
    caCertificates: text,
    caCrl: text,
    credentialName: text,
    credentialNames: Type.Array(Type.String(), { minItems: 1, maxItems: 2 }),
    caCertCredentialName: text,
    tlsCertificates: Type.Array(message({ serverCertificate: text, privateKey: text, caCertificates: text }), { minItems: 1, maxItems: 2 }),
    subjectAltNames: texts,
    verifyCertificateSpki: texts,
    verifyCertificateHash: texts,
    minProtocolVersion: tlsVersion,
    maxProtocolVersion: tlsVersion,
    cipherSuites: texts,
    ecdhCurves: texts,
    insecureSkipVerify: bool,
  },
  [],
  { constraints: ['credential-names-alone'] },
);
