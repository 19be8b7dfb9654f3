// How many names a second the DNS server of a pod answers from the mesh's table, on one core. `npm run bench:dns [-- --json FILE]`. The
// clients are a process of their own; what counts is the server's CPU time, so that neither they nor the machine's other core matter.
import { type ChildProcess, fork } from 'node:child_process';
import { createSocket } from 'node:dgram';
import fs from 'node:fs';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { encode } from 'dns-packet';
import { DnsServer } from '#dns/dns-server';
import { Forwarder } from '#dns/forwarder';
import { Names } from '#dns/names';
import { ReplyCache } from '#dns/reply-cache';
import { Resolver } from '#dns/resolver';
import { systemClock } from '#foundation/clock';
import { systemRandom } from '#foundation/random';
import { ownNetwork } from '#net/network';

const target = 20_000;
const services = 1_000;
const passes = 5;
const passMs = 2_000;
/** Questions under way. */
const window = 64;

const { values } = parseArgs({ options: { json: { type: 'string' }, client: { type: 'string' } } });

const hostOf = (i: number) => `service-${i}.default.svc.cluster.local`;

/** Asks as fast as it is answered. */
function runClient(port: number): void {
  const questions = Array.from({ length: services }, (_, i) =>
    encode({ type: 'query', id: i, flags: 0x100, questions: [{ type: 'A', name: hostOf(i) }] }),
  );
  const socket = createSocket('udp4');
  let next = 0;
  const ask = () => socket.send(questions[next++ % services]!);
  socket.on('message', ask);
  socket.connect(port, '127.0.0.1', () => {
    for (let i = 0; i < window; i++) ask();
    // What was lost is made up for.
    setInterval(ask, 10);
  });
}

async function measure(): Promise<void> {
  const clock = systemClock;
  const forwarder = new Forwarder({ servers: [], clock, random: systemRandom });
  const resolver = new Resolver({ clock, random: systemRandom, forwarder, cache: new ReplyCache(clock) });
  const table = Object.fromEntries(
    Array.from({ length: services }, (_, i) => [
      hostOf(i),
      { ips: [`10.96.${i >> 8}.${i & 255}`], registry: 'Kubernetes', shortname: `service-${i}`, namespace: 'default' },
    ]),
  );
  resolver.setNames(new Names({ table }, { namespace: 'default', dnsDomain: 'default.svc.cluster.local' }));
  let answers = 0;
  const counted = {
    resolve: (question: Parameters<Resolver['resolve']>[0]) => {
      answers++;
      return resolver.resolve(question);
    },
  };
  const server = new DnsServer({ resolver: counted, network: ownNetwork });
  const { port } = await server.listen({ address: '127.0.0.1', port: 0 });
  const client: ChildProcess = fork(fileURLToPath(import.meta.url), ['--client', String(port)]);
  const rates: { perSecond: number; perCpuSecond: number }[] = [];
  try {
    await new Promise((resolve) => setTimeout(resolve, passMs));
    for (let pass = 0; pass < passes; pass++) {
      const [before, cpu, start] = [answers, process.cpuUsage(), performance.now()];
      await new Promise((resolve) => setTimeout(resolve, passMs));
      const { user, system } = process.cpuUsage(cpu);
      const count = answers - before;
      rates.push({ perSecond: count / ((performance.now() - start) / 1_000), perCpuSecond: count / ((user + system) / 1e6) });
    }
  } finally {
    client.kill();
    server.close();
  }
  const middle = [...rates].sort((a, b) => a.perCpuSecond - b.perCpuSecond)[passes >> 1]!;
  console.log(
    `${middle.perCpuSecond >= target ? 'PASS' : 'MISS'}: ${middle.perCpuSecond.toFixed(0)} answers per second of CPU (${middle.perSecond.toFixed(0)} per second), median of ${passes}, ${services} services, to be at least ${target}`,
  );
  if (values.json) fs.writeFileSync(values.json, `${JSON.stringify({ rates, target }, null, 2)}\n`);
}

if (values.client === undefined) await measure();
else runClient(Number(values.client));
