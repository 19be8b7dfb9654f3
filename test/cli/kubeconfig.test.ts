// What is read of a kubeconfig, and what is said of one that is of no use.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { stringify } from 'yaml';
import { readKubeconfig } from '#cli/kubeconfig';

const directory = mkdtempSync(path.join(os.tmpdir(), 'lateen-kubeconfig-'));
afterAll(() => rmSync(directory, { recursive: true, force: true }));
const base64 = (text: string) => Buffer.from(text).toString('base64');
writeFileSync(path.join(directory, 'ca.pem'), 'CA of a file');
writeFileSync(path.join(directory, 'token'), 'token of a file\n');

function config(cluster: object, user: object, context = 'c'): string {
  const file = path.join(directory, 'config');
  const text = stringify({
    'current-context': context,
    contexts: [
      { name: 'other', context: { cluster: 'none', user: 'none' } },
      { name: 'c', context: { cluster: 'k', user: 'u' } },
    ],
    clusters: [{ name: 'k', cluster }],
    users: [{ name: 'u', user }],
  });
  writeFileSync(file, text);
  return file;
}

const server = 'https://host:6443';

test.each([
  [{ server: `${server}/`, 'certificate-authority-data': base64('CA') }, { token: 't' }, { url: server, authority: 'CA', token: 't' }],
  [
    { server, 'certificate-authority': 'ca.pem' },
    { tokenFile: 'token' },
    { url: server, authority: 'CA of a file', token: 'token of a file' },
  ],
  [
    { server, 'insecure-skip-tls-verify': true },
    { 'client-certificate-data': base64('CERT'), 'client-key-data': base64('KEY') },
    { url: server, insecureSkipVerify: true, client: { certificate: 'CERT', key: 'KEY' } },
  ],
  [{ server: 'http://127.0.0.1:8001' }, {}, { url: 'http://127.0.0.1:8001' }],
])('%j, %j', async (cluster, user, access) => {
  expect(await readKubeconfig(config(cluster, user))).toEqual(access);
});

test.each([
  ['no such context', () => config({ server }, {}, 'x'), /there is no context "x"/],
  ['no server', () => config({}, {}), /the cluster "k" has no server/],
  ['a program', () => config({ server }, { exec: { command: 'aws' } }), /is known to a program alone/],
  ['no such file', () => path.join(directory, 'none'), /none cannot be read: ENOENT/],
  ['a file beside it that is not there', () => config({ server, 'certificate-authority': 'no.pem' }, {}), /no\.pem cannot be read/],
])('%s', async (_, file, message) => {
  await expect(readKubeconfig(file())).rejects.toThrow(message);
});
