/**
 * The other side of the wire: what the built-in payment processor has in its own books, and what
 * it can be made to do. Speaks its API, as any of its customers would.
 */
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';

import type { Card } from './cards.ts';
import type { Server } from './server.ts';

/** More than a worker makes of anything. */
const MOST_PAGES = 50;

/** The publishable key of who pays through Stripe. */
export const STRIPE_KEY = 'pk_test_browser_tests';

export interface Charge {
  id: string;
  amount: number;
  status: 'succeeded' | 'pending' | 'failed';
}

export class Processor {
  private constructor(
    private readonly url: string,
    private readonly secretKey: string,
  ) {}

  static async of(server: Server): Promise<Processor> {
    return new Processor(`${server.url}/sandbox`, await secretKey(server.data));
  }

  /** What another server is told to pay through this processor as if it were Stripe itself. */
  asStripe(): string[] {
    return [
      `--stripe-secret-key=${this.secretKey}`,
      `--stripe-publishable-key=${STRIPE_KEY}`,
      '--stripe-webhook-secret=whsec_browser_tests',
      `--gateway-url=${this.url}`,
    ];
  }

  /** Every charge that was tried for the organization, newest first. */
  async charges(organization: string): Promise<Charge[]> {
    const customers = await this.list<{ id: string; metadata: Record<string, string> }>(
      '/v1/customers?limit=100',
    );
    const ours = customers.filter(({ metadata }) => metadata['organization_id'] === organization);
    const lists = ours.map(({ id }) => this.list<Charge>(`/v1/charges?limit=100&customer=${id}`));
    return (await Promise.all(lists)).flat();
  }

  /** A bank has sent a new card, as card networks tell: all of the organization's get this expiry. */
  async replaceCards(organization: string, month: number, year: number): Promise<void> {
    const customers = await this.list<{ id: string; metadata: Record<string, string> }>(
      '/v1/customers?limit=100',
    );
    for (const { id } of customers.filter((it) => it.metadata['organization_id'] === organization)) {
      const cards = await this.list<{ id: string }>(`/v1/payment_methods?limit=100&customer=${id}`);
      for (const card of cards) {
        const fields = { 'card[exp_month]': String(month), 'card[exp_year]': String(year) };
        await this.call('POST', `/_control/payment_methods/${card.id}/automatic_update`, fields);
      }
    }
  }

  /** The bank rules on what was complained about, once the organization has sent its evidence. */
  async rule(organization: string, ruling: 'won' | 'lost'): Promise<void> {
    const evidence = ruling === 'won' ? 'winning_evidence' : 'losing_evidence';
    for (const { id } of await this.disputes(organization)) {
      const fields = { 'evidence[uncategorized_text]': evidence };
      await this.call('POST', `/v1/disputes/${id}`, fields);
    }
    await this.advance(2);
  }

  /** What banks have asked or complained about the organization's charges. */
  async disputes(organization: string): Promise<{ id: string; status: string }[]> {
    const charges = await this.charges(organization);
    const paths = charges.map(({ id }) => `/v1/disputes?limit=100&charge=${id}`);
    const lists = paths.map((path) => this.list<{ id: string; status: string }>(path));
    return (await Promise.all(lists)).flat();
  }

  /** Sends every notice that waits, and returns once the server has taken them. */
  async sendNotices(): Promise<void> {
    await this.call('POST', '/_control/run');
  }

  /** What a browser does with a card: gives it to the processor and gets a token. */
  async tokenize(card: Card): Promise<string> {
    const [month, year] = card.expiry.split(' / ');
    const method = await this.call<{ id: string }>('POST', '/v1/payment_methods', {
      type: 'card',
      'card[number]': card.number,
      'card[exp_month]': month ?? '',
      'card[exp_year]': `20${year}`,
      'card[cvc]': card.securityCode,
      'billing_details[address][country]': 'US',
    });
    return method.id;
  }

  /** What the owner of a card does on the page of its bank. */
  async approve(url: string): Promise<void> {
    const client_secret = new URL(url).searchParams.get('client_secret') ?? '';
    const body = new URLSearchParams({ client_secret, outcome: 'approve' });
    const response = await fetch(url, { method: 'POST', body, redirect: 'manual' });
    if (response.status >= 400) {
      throw new Error(`${url}: ${response.status} ${await response.text()}`);
    }
  }

  /** Orders that the next answers to calls under `target` are lost, and nothing is done. */
  async fallSilent(target: string): Promise<void> {
    const fields = { fault: 'answer_lost_before', target, count: '100' };
    await this.call('POST', '/_control/faults', fields);
  }

  /** Answers again. */
  async speakAgain(): Promise<void> {
    await this.call('DELETE', '/_control/faults');
  }

  /** Lets time pass for the processor alone: what is due happens. */
  async advance(seconds: number): Promise<void> {
    await this.call('POST', '/_control/clock', { advance: String(seconds) });
  }

  /** All of a list, page by page. */
  private async list<T extends { id: string }>(path: string): Promise<T[]> {
    const all: T[] = [];
    let after = '';
    for (let page = 0; page < MOST_PAGES; page += 1) {
      const { data, has_more } = await this.call<{ data: T[]; has_more: boolean }>(
        'GET',
        `${path}${after}`,
      );
      all.push(...data);
      if (!has_more) {
        return all;
      }
      after = `&starting_after=${data.at(-1)?.id}`;
    }
    throw new Error(`${path} has more than ${MOST_PAGES} pages`);
  }

  private async call<T>(method: string, path: string, fields?: Record<string, string>): Promise<T> {
    const response = await fetch(`${this.url}${path}`, {
      method,
      headers: { authorization: `Bearer ${this.secretKey}` },
      body: fields === undefined ? null : new URLSearchParams(fields),
    });
    if (!response.ok) {
      throw new Error(`${method} ${path}: ${response.status} ${await response.text()}`);
    }
    return (await response.json()) as T;
  }
}

/**
 * The processor makes its key and keeps it in its store, and nothing prints it. It is read from
 * the store's files as it stands there: a client for SQLite would be one more thing to install.
 */
async function secretKey(data: string): Promise<string> {
  const files = (await readdir(data)).filter((name) => name.startsWith('sandbox.sqlite3'));
  for (const file of files) {
    const found = /sk_test_[A-Za-z0-9]{48}/.exec(await readFile(join(data, file), 'latin1'));
    if (found !== null) {
      return found[0];
    }
  }
  throw new Error(`no key of the payment processor in ${data}`);
}
