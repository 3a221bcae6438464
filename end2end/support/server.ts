/**
 * A server of a worker's own: seeded, started, and at the end stopped and proved.
 */
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, readFile, rm } from 'node:fs/promises';
import { createServer, type AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';

import { Database } from './database.ts';
import { run, settings, start } from './program.ts';

const LONGEST_START_MS = 30_000;
const ASK_EVERY_MS = 50;
/** The server gives itself 35 seconds to finish what it accepted. */
const LONGEST_STOP_MS = 40_000;

/** The line of JSON that `seed` prints. */
export interface Seeded {
  url: string;
  email: string;
  password: string;
  organization_id: string;
  project_id: string;
  api_key: string;
}

export class Server {
  private constructor(
    readonly url: string,
    /** The demo organization. */
    readonly seeded: Seeded,
    readonly data: string,
    private readonly database: Database,
    private readonly child: ChildProcess,
    private readonly log: string,
  ) {}

  /**
   * `name` tells it from every other server of this run; its log goes to `logs`. `more` is said to
   * `serve` alone.
   */
  static async start(name: string, logs: string, more: string[] = []): Promise<Server> {
    const data = await mkdtemp(join(tmpdir(), `zerogpu-billing-${name}-`));
    const database = await Database.make(`${name}_${process.pid}`);
    await mkdir(logs, { recursive: true });
    const log = join(logs, `server-${name}.log`);
    const addr = `127.0.0.1:${await freePort()}`;
    const where = ['--data', data, ...database.args];
    const seeded: Seeded = JSON.parse(await run(['seed', '--empty', '--addr', addr, ...where]));
    const site = settings.site === undefined ? [] : ['--site', settings.site];
    const child = start(['serve', '--addr', addr, ...site, ...where, ...more], log);
    const server = new Server(`http://${addr}`, seeded, data, database, child, log);
    await server.ready();
    return server;
  }

  /** A subcommand on this server's data. */
  run(args: string[], input?: string): Promise<string> {
    return run([...args, '--data', this.data, ...this.database.args], input);
  }

  /** What it has logged so far. */
  logged(): Promise<string> {
    return readFile(this.log, 'utf8');
  }

  /** Ends it as an operator would, and checks the books that it leaves behind. */
  async stop(): Promise<void> {
    const ended = once(this.child, 'exit', { signal: AbortSignal.timeout(LONGEST_STOP_MS) });
    if (this.isRunning()) {
      this.child.kill('SIGTERM');
      await ended;
    }
    if (this.child.exitCode !== 0) {
      const how = this.child.exitCode ?? this.child.signalCode;
      throw new Error(`the server ended with ${how}, see ${this.log}`);
    }
    await this.prove();
    await this.database.drop();
    await rm(this.data, { recursive: true });
  }

  private async prove(): Promise<void> {
    const printed = await this.run(['prove']);
    const last = printed.trimEnd().split('\n').at(-1) ?? '';
    if (!/^proved: \d+ accounts, \d+ transfers, \d+ events$/.test(last)) {
      throw new Error(`the books do not prove:\n${printed}`);
    }
    console.log(`${this.database.label}: ${last}`);
  }

  private async ready(): Promise<void> {
    const deadline = Date.now() + LONGEST_START_MS;
    while (!(await answers(`${this.url}/readyz`))) {
      if (!this.isRunning() || Date.now() > deadline) {
        this.child.kill('SIGKILL');
        throw new Error(`the server did not become ready, see ${this.log}`);
      }
      await pause(ASK_EVERY_MS);
    }
  }

  private isRunning(): boolean {
    return this.child.exitCode === null && this.child.signalCode === null;
  }
}

async function answers(url: string): Promise<boolean> {
  try {
    return (await fetch(url)).ok;
  } catch {
    // Not listening yet.
    return false;
  }
}

async function freePort(): Promise<number> {
  const listener = createServer().listen(0, '127.0.0.1');
  await once(listener, 'listening');
  const { port } = listener.address() as AddressInfo;
  listener.close();
  await once(listener, 'close');
  return port;
}
