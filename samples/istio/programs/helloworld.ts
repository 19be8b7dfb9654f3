// What Istio's sample helloworld does: says its version, and which instance of it answers.
import http from 'node:http';
import { parseArgs } from 'node:util';

const { values } = parseArgs({ options: { host: { type: 'string', default: '127.0.0.1' }, port: { type: 'string', default: '5000' } } });
const { SERVICE_VERSION: version = 'unknown', POD_NAME: instance = 'unknown' } = process.env;

http
  .createServer((request, response) => {
    const known: Readonly<Record<string, string>> = {
      '/hello': `Hello version: ${version}, instance: ${instance}\n`,
      '/health': 'Helloworld is healthy\n',
    };
    const text = known[new URL(request.url ?? '/', 'http://helloworld').pathname];
    response.writeHead(text === undefined ? 404 : 200, { 'content-type': 'text/html; charset=utf-8' }).end(text ?? 'Not Found\n');
  })
  .listen(Number(values.port), values.host);
