/**
 * A database for one server: an SQLite file in its data directory, or a new PostgreSQL database.
 */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

import { settings } from './program.ts';

export class Database {
  private constructor(
    /** How the product is told about it. */
    readonly args: string[],
    readonly label: string,
    private readonly made: { name: string; on: string } | undefined,
  ) {}

  /** `name` must be unique on the PostgreSQL server: lower case letters, digits, underscores. */
  static async make(name: string): Promise<Database> {
    const on = settings.databaseUrl;
    if (on === undefined) {
      return new Database([], 'SQLite', undefined);
    }
    await psql(on, `create database ${name}`);
    const url = new URL(on);
    url.pathname = `/${name}`;
    return new Database(['--database-url', url.href], 'PostgreSQL', { name, on });
  }

  async drop(): Promise<void> {
    if (this.made !== undefined) {
      await psql(this.made.on, `drop database ${this.made.name}`);
    }
  }
}

async function psql(url: string, statement: string): Promise<void> {
  const args = ['--no-psqlrc', '--quiet', '--set', 'ON_ERROR_STOP=1', '--command', statement, url];
  await promisify(execFile)('psql', args);
}
