// A kubeconfig's current context: the API server and who asks it. What runs a program to learn who asks is refused.
import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { parseYaml } from '#codec/yaml/documents';
import { MeshError, messageOf } from '#foundation/mesh-error';
import type { HttpAccess } from '#net/http-access';

interface Named {
  name: string;
}

/** Of Kubernetes' client-go, `clientcmd/api/v1`; what is not read here is left out. */
interface Kubeconfig {
  'current-context'?: string;
  contexts?: (Named & { context: { cluster: string; user: string } })[];
  clusters?: (Named & {
    cluster: { server: string; 'insecure-skip-tls-verify'?: boolean } & Partial<
      Record<'certificate-authority' | 'certificate-authority-data', string>
    >;
  })[];
  users?: (Named & { user: Partial<Record<UserField, string>> & { exec?: object; 'auth-provider'?: object } })[];
}

type UserField = 'token' | 'tokenFile' | 'client-certificate' | 'client-certificate-data' | 'client-key' | 'client-key-data';

/** Throws MeshError KUBECONFIG. */
export async function readKubeconfig(file: string): Promise<HttpAccess> {
  const fail = (why: string): never => {
    throw new MeshError('KUBECONFIG', `${file}: ${why}`, { hint: 'that of a mesh of this machine is printed by "lateen kubeconfig"' });
  };
  /** What stands in the file itself, in base64, or in another file beside it. */
  const pem = async (data: string | undefined, beside: string | undefined): Promise<string | undefined> => {
    if (data !== undefined) return Buffer.from(data, 'base64').toString('utf8');
    return beside === undefined ? undefined : readText(path.resolve(path.dirname(file), beside), fail);
  };
  const config = (parseYaml(await readText(file, fail))[0]?.value ?? {}) as Kubeconfig;
  const name = config['current-context'] ?? '';
  const context = config.contexts?.find((each) => each.name === name)?.context ?? fail(`there is no context "${name}"`);
  const cluster = config.clusters?.find((each) => each.name === context.cluster)?.cluster;
  if (!URL.canParse(cluster?.server ?? '')) fail(`the cluster "${context.cluster}" has no server`);
  const user = config.users?.find((each) => each.name === context.user)?.user ?? {};
  if (user.exec ?? user['auth-provider']) {
    fail(`the user "${context.user}" is known to a program alone, which is not run: give it a token or a certificate`);
  }
  const { tokenFile } = user;
  const token = user.token ?? (tokenFile && (await readText(path.resolve(path.dirname(file), tokenFile), fail)).trim());
  const authority = await pem(cluster?.['certificate-authority-data'], cluster?.['certificate-authority']);
  const certificate = await pem(user['client-certificate-data'], user['client-certificate']);
  const key = await pem(user['client-key-data'], user['client-key']);
  return {
    url: cluster!.server.replace(/\/+$/, ''),
    ...(authority !== undefined && { authority }),
    ...(token && { token }),
    ...(certificate !== undefined && key !== undefined && { client: { certificate, key } }),
    ...(cluster?.['insecure-skip-tls-verify'] && { insecureSkipVerify: true }),
  };
}

const readText = (file: string, fail: (why: string) => never): Promise<string> =>
  readFile(file, 'utf8').catch((error) => fail(`${file} cannot be read: ${messageOf(error)}`));
