// The part of httpbin that Istio's documentation asks for: what a request looked like when it came, statuses and delays.
import http from 'node:http';
import { parseArgs } from 'node:util';

const delaySecondsMax = 10;

const { values } = parseArgs({ options: { host: { type: 'string', default: '127.0.0.1' }, port: { type: 'string', default: '8080' } } });

http
  .createServer((request, response) => {
    const url = new URL(request.url ?? '/', `http://${request.headers.host ?? 'httpbin'}`);
    const [, place = '', value = ''] = url.pathname.split('/');
    const json = (status: number, body: object) => {
      response.writeHead(status, { 'content-type': 'application/json; charset=utf-8' }).end(`${JSON.stringify(body, null, 2)}\n`);
    };
    // As go-httpbin writes headers: each with all of its values.
    const headers = Object.fromEntries(Object.entries(request.headersDistinct).map(([name, all = []]) => [canonical(name), all]));
    const seen = {
      args: Object.fromEntries(url.searchParams),
      headers,
      method: request.method,
      origin: request.socket.remoteAddress,
      url: url.href,
    };
    request.resume();
    switch (place) {
      case 'get':
      case 'post':
      case 'put':
      case 'delete':
      case 'anything':
        return json(200, seen);
      case 'headers':
        return json(200, { headers });
      case 'ip':
        return json(200, { origin: seen.origin });
      case 'delay':
        setTimeout(() => json(200, seen), Math.min(Math.max(Number(value) || 0, 0), delaySecondsMax) * 1_000);
        return;
      case 'status':
        response.writeHead(/^[1-5]\d\d$/.test(value) ? Number(value) : 400).end();
        return;
      default:
        return json(place === '' ? 200 : 404, place === '' ? { service: 'httpbin' } : { status_code: 404, error: 'Not Found' });
    }
  })
  .listen(Number(values.port), values.host);

/** `x-request-id` -> `X-Request-Id` */
function canonical(name: string): string {
  return name.replace(/(^|-)[a-z]/g, (start) => start.toUpperCase());
}
