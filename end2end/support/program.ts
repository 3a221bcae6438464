/**
 * The product's binary. Owns how it is found and called; knows nothing of what it answers.
 */
import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { openSync } from 'node:fs';

/** Longer than any subcommand takes on a busy machine. */
const LONGEST_COMMAND_MS = 60_000;

/** What `cargo xtask test browser` tells the tests. */
export const settings = {
  get binary(): string {
    return required('BILLING_BIN');
  },
  /** The built site; without it the binary has its own inside. */
  get site(): string | undefined {
    return process.env['BILLING_SITE'];
  },
  /** A PostgreSQL server to make databases on; without one each server has an SQLite file. */
  get databaseUrl(): string | undefined {
    return process.env['BILLING_DATABASE_URL'];
  },
};

function required(name: string): string {
  const value = process.env[name];
  if (value === undefined || value === '') {
    throw new Error(`${name} is not set: run \`cargo xtask test browser\`, or see docs/TESTING.md`);
  }
  return value;
}

/** Runs a subcommand to its end and returns what it printed. */
export function run(args: string[], input?: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const options = { env: environment(), timeout: LONGEST_COMMAND_MS };
    const child = execFile(settings.binary, args, options, (error, stdout, stderr) => {
      if (error === null) {
        resolve(stdout);
      } else {
        reject(new Error(`\`${args.join(' ')}\` failed: ${error.message}\n${stdout}${stderr}`));
      }
    });
    // One that ends without reading to the end tells why by its exit.
    child.stdin?.on('error', () => {});
    child.stdin?.end(input);
  });
}

/** Starts a subcommand that goes on; what it says goes to `log`. */
export function start(args: string[], log: string): ChildProcess {
  const file = openSync(log, 'a');
  return spawn(settings.binary, args, { env: environment(), stdio: ['ignore', file, file] });
}

/** Our own settings would reach the server as well and contradict its arguments. */
function environment(): NodeJS.ProcessEnv {
  const inherited = Object.entries(process.env).filter(([name]) => !name.startsWith('BILLING_'));
  return { ...Object.fromEntries(inherited), RUST_BACKTRACE: '1' };
}
