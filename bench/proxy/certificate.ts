// One certificate for everybody, by openssl: its own authority, server and client.
import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** Returns the file with certificate and key. */
export function issueCertificate(directory: string): string {
  const [key, certificate, pem] = ['key', 'crt', 'pem'].map((kind) => join(directory, `bench.${kind}`)) as [string, string, string];
  const subject = ['-subj', '/CN=bench.test', '-addext', 'subjectAltName=DNS:bench.test,IP:127.0.0.1', '-days', '2'];
  const kind = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'];
  execFileSync('openssl', ['req', '-x509', ...kind, '-keyout', key, '-out', certificate, ...subject], { stdio: 'ignore' });
  writeFileSync(pem, readFileSync(certificate, 'utf8') + readFileSync(key, 'utf8'));
  return pem;
}
