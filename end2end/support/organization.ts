/**
 * Organizations and people, made by the operator's commands; usage, reported as a gateway does.
 */
import { randomUUID } from 'node:crypto';

import type { Server } from './server.ts';

const PASSWORD = 'quiet-harbor-violet-17';

export type Role = 'owner' | 'billing-admin' | 'member' | 'finance';

export interface Person {
  email: string;
  password: string;
}

/** One request that a model answered. */
export interface Usage {
  id: string;
  model: string;
  inputTokens: number;
  outputTokens: number;
}

/** At $0.15 and $0.60 a million tokens it costs $0.0000432. */
export const ONE_REQUEST = { model: 'gpt-oss-120b', inputTokens: 112, outputTokens: 44 };

export class Organization {
  private constructor(
    private readonly server: Server,
    readonly id: string,
    private readonly project: string,
    readonly owner: Person,
  ) {}

  static async make(server: Server, name: string): Promise<Organization> {
    const owner = somebody('owner');
    const added = await addUser(server, owner, ['--organization', name]);
    if (added.project_id === undefined) {
      throw new Error('a new organization has no project');
    }
    return new Organization(server, added.organization_id, added.project_id, owner);
  }

  /** Makes somebody of another organization a member of this one, too. */
  async join(person: Person, role: Role): Promise<void> {
    await addUser(this.server, person, ['--organization', this.id, '--role', role]);
  }

  /** Another person of this organization. */
  async add(role: Role): Promise<Person> {
    const person = somebody(role);
    await addUser(this.server, person, ['--organization', this.id, '--role', role]);
    return person;
  }

  /** A key for a gateway. */
  async key(): Promise<Gateway> {
    const args = ['key', 'create', '--organization', this.id, '--project', this.project];
    const made = JSON.parse(await this.server.run([...args, '--name', 'Gateway']));
    return new Gateway(this.server.url, made.api_key);
  }
}

/** An inference gateway with an API key. */
export class Gateway {
  constructor(
    private readonly url: string,
    private readonly key: string,
  ) {}

  /** Reports usage; the same `id` again is the same event. */
  async report(usage: Usage): Promise<void> {
    const response = await fetch(`${this.url}/v1/events`, {
      method: 'POST',
      headers: { 'x-api-key': this.key, 'content-type': 'application/cloudevents+json' },
      body: JSON.stringify({
        specversion: '1.0',
        type: 'inference',
        source: 'browser-tests',
        id: usage.id,
        data: {
          model: usage.model,
          input_tokens: usage.inputTokens,
          output_tokens: usage.outputTokens,
        },
      }),
    });
    if (response.status !== 204) {
      throw new Error(`usage was refused: ${response.status} ${await response.text()}`);
    }
  }

  /** The balance, exact. */
  async balance(): Promise<string> {
    const response = await fetch(`${this.url}/v1/balance`, { headers: { 'x-api-key': this.key } });
    return ((await response.json()) as { balance: string }).balance;
  }
}

/** Whom nobody knows. Another one each time: too many tries at one address are refused. */
export function stranger(): Person {
  return somebody('stranger');
}

function somebody(role: Role | 'stranger'): Person {
  return { email: `${role}-${randomUUID().slice(0, 8)}@northwind.example`, password: PASSWORD };
}

interface Added {
  organization_id: string;
  project_id?: string;
}

async function addUser(server: Server, person: Person, args: string[]): Promise<Added> {
  const printed = await server.run(
    ['user', 'add', '--email', person.email, ...args],
    `${person.password}\n`,
  );
  return JSON.parse(printed) as Added;
}
