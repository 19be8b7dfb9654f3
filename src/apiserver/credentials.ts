// What makes the API reachable over TLS: an authority of its own, a certificate for this machine, a token for each role, and a kubeconfig
// for each. Kept in a folder that only its owner reads, so that a kubeconfig outlives a restart.
import { X509Certificate } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { stringify } from 'yaml';
import type { Clock } from '#foundation/clock';
import { MeshError } from '#foundation/mesh-error';
import { writePrivate } from './private-file.ts';
import { type Role, roles } from './user.ts';

export interface Credentials {
  /** PEM. */
  authority: string;
  certificate: string;
  key: string;
  tokens: Readonly<Record<Role, string>>;
}

/** This machine, and the cluster IPs of the API: the first of each range that a Lateen may have. */
const apiAddresses: readonly string[] = ['127.0.0.1', ...Array.from({ length: 10 }, (_, block) => `10.${96 + block}.0.1`)];

const dayMs = 86_400_000;
/** A certificate that ends so soon is made anew. */
const renewDays = 30;

/** Those of the folder, made where they are not there or come to their end. */
export async function ensureCredentials(directory: string, clock: Clock): Promise<Credentials> {
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  const file = path.join(directory, 'credentials.json');
  const kept = existsSync(file) ? readCredentials(file) : undefined;
  if (kept && isGood(new X509Certificate(kept.certificate), clock)) return kept;
  // Rarely needed, and slow to load.
  const { makeCredentials } = await import('./new-credentials.ts');
  const made = await makeCredentials(clock, apiAddresses);
  writePrivate(file, JSON.stringify(made));
  return made;
}

function isGood(certificate: X509Certificate, clock: Clock): boolean {
  const lasts = Date.parse(certificate.validTo) > clock.wallMs() + renewDays * dayMs;
  return lasts && apiAddresses.every((address) => certificate.checkIP(address) !== undefined);
}

/** Writes one for each role; gives the administrator's path. */
export function writeKubeconfigs(directory: string, server: string, credentials: Credentials): string {
  for (const role of roles) writePrivate(kubeconfigPath(directory, role), kubeconfig(server, credentials, role));
  return kubeconfigPath(directory, 'admin');
}

export const kubeconfigPath = (directory: string, role: Role) =>
  path.join(directory, role === 'admin' ? 'kubeconfig' : `kubeconfig-${role}`);

function kubeconfig(server: string, { authority, tokens }: Credentials, role: Role): string {
  const name = role === 'admin' ? 'lateen' : `lateen-${role}`;
  return stringify({
    apiVersion: 'v1',
    kind: 'Config',
    'current-context': name,
    clusters: [{ name: 'lateen', cluster: { server, 'certificate-authority-data': Buffer.from(authority).toString('base64') } }],
    users: [{ name, user: { token: tokens[role] } }],
    contexts: [{ name, context: { cluster: 'lateen', user: name, namespace: 'default' } }],
  });
}

function readCredentials(file: string): Credentials | undefined {
  try {
    const { authority, certificate, key, tokens } = JSON.parse(readFileSync(file, 'utf8')) as Partial<Credentials>;
    return authority && certificate && key && tokens ? { authority, certificate, key, tokens } : undefined;
  } catch (cause) {
    throw new MeshError('CREDENTIALS', `${file} cannot be read`, {
      cause,
      hint: 'remove it: new ones are made, and kubeconfigs are new then',
    });
  }
}
