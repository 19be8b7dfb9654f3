// One question to an admission webhook: an AdmissionReview of admission.k8s.io/v1, over HTTPS to its URL or to the Service that it names.
import https from 'node:https';
import { isIP } from 'node:net';
import { type EndpointSlice, endpointSliceKind } from '#api/kinds/endpoint-slice';
import { type Service, serviceKind } from '#api/kinds/service';
import type { Store } from '#store/store';
import type { Webhook } from './webhook-rules.ts';

const answerBytesMax = 3 * 1024 * 1024;
const timeoutSecondsDefault = 10;

export interface WebhookAnswer {
  uid?: string;
  allowed?: boolean;
  status?: { code?: number; message?: string; reason?: string };
  patchType?: string;
  /** Base64 of a JSON patch. */
  patch?: string;
  warnings?: string[];
}

/** Rejects where it cannot be reached, does not answer in time, or answers something else. */
export async function askWebhook(webhook: Webhook, request: { uid: string }, store: Store): Promise<WebhookAnswer> {
  const { clientConfig, timeoutSeconds = timeoutSecondsDefault } = webhook;
  const where = await addressOf(clientConfig, store);
  const body = JSON.stringify({ kind: 'AdmissionReview', apiVersion: 'admission.k8s.io/v1', request });
  const text = await post(where, clientConfig.caBundle, body, timeoutSeconds * 1000);
  const { response } = JSON.parse(text) as { response?: WebhookAnswer };
  if (response?.uid !== request.uid) throw new Error('it did not answer this question: the uid differs');
  return response;
}

interface Address {
  host: string;
  port: number;
  path: string;
  serverName: string;
}

async function addressOf({ url, service }: Webhook['clientConfig'], store: Store): Promise<Address> {
  if (service === undefined) {
    const { protocol, hostname, port, pathname, search } = new URL(url ?? '');
    if (protocol !== 'https:') throw new Error(`${url} is no https:// URL`);
    return { host: hostname, port: Number(port) || 443, path: pathname + search, serverName: hostname };
  }
  const { name, namespace, path = '/', port = 443 } = service;
  const serverName = `${name}.${namespace}.svc`;
  const object = (await store.get(serviceKind, namespace, name)) as Service | undefined;
  const wanted = object?.spec?.ports?.find((each) => each.port === port);
  const { items } = await store.list(endpointSliceKind, { namespace, labelSelector: `kubernetes.io/service-name=${name}` });
  for (const { endpoints, ports = [] } of items as EndpointSlice[]) {
    const ready = endpoints.find(({ conditions }) => conditions?.ready !== false)?.addresses[0];
    const target = ports.find((each) => (each.name ?? '') === (wanted?.name ?? ''))?.port;
    if (wanted && ready !== undefined && target !== undefined) return { host: ready, port: target, path, serverName };
  }
  throw new Error(`no endpoint of Service ${namespace}/${name} is ready at port ${port}`);
}

function post({ host, port, path, serverName }: Address, caBundle: string | undefined, body: string, timeoutMs: number): Promise<string> {
  return new Promise((resolve, reject) => {
    const request = https.request(
      {
        host,
        port,
        path,
        method: 'POST',
        agent: false,
        // An address is no server name: RFC 6066, section 3.
        ...(isIP(serverName) === 0 && { servername: serverName }),
        headers: { host: serverName, 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) },
        signal: AbortSignal.timeout(timeoutMs),
        ...(caBundle !== undefined && { ca: Buffer.from(caBundle, 'base64') }),
      },
      (response) => {
        const chunks: Buffer[] = [];
        let bytes = 0;
        response.on('data', (chunk: Buffer) => {
          chunks.push(chunk);
          if ((bytes += chunk.length) > answerBytesMax) request.destroy(new Error('its answer is too large'));
        });
        response.on('error', reject);
        response.on('end', () => {
          if (response.statusCode === 200) resolve(Buffer.concat(chunks).toString('utf8'));
          else reject(new Error(`it answered ${response.statusCode}`));
        });
      },
    );
    request.on('error', reject);
    request.end(body);
  });
}
