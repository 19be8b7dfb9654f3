// npm's `http-proxy`, connections kept. `node http-proxy-peer.js PORT BACKEND-PORT`
import { Agent } from 'node:http';
import httpProxy from 'http-proxy';

const [port, backendPort] = process.argv.slice(2).map(Number);
const agent = new Agent({ keepAlive: true, maxSockets: 256, maxFreeSockets: 256 });

const proxy = httpProxy.createProxyServer({ target: { host: '127.0.0.1', port: backendPort! }, agent, xfwd: true });
proxy.on('error', (_error, _request, response) => response.end());
proxy.listen(port!, '127.0.0.1');
