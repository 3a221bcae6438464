/**
 * A signed-in person's browser, driven by HTTP: what a test needs to have happened before it
 * begins. What the test is about goes through the pages.
 */
import { randomUUID } from 'node:crypto';

import { expect, type APIRequestContext } from '@playwright/test';

import type { Card } from './cards.ts';
import type { Gateway, Organization, Person } from './organization.ts';
import type { Charge, Processor } from './processor.ts';

type Added =
  | { state: 'saved' | 'saved_before'; id: string }
  | { state: 'requires_action'; setup: string; url: string };

export class Account {
  private gatewayOnce: Promise<Gateway> | undefined;

  constructor(
    readonly organization: Organization,
    readonly processor: Processor,
    /** Shares its cookies with the test's page. */
    private readonly request: APIRequestContext,
  ) {}

  async signIn(person: Person): Promise<void> {
    await this.post('sign_in', { email: person.email, password: person.password, next: '' });
  }

  /** Saves a card, and tells its bank yes where it asks; its id. */
  async saveCard(card: Card): Promise<string> {
    const token = await this.processor.tokenize(card);
    const added = await this.post<Added>('add_payment_method', { token });
    if (added.state !== 'requires_action') {
      return added.id;
    }
    await this.processor.approve(added.url);
    const { setup } = added;
    const saved = await this.post<Added>('finish_payment_method', { setup });
    if (saved.state === 'requires_action') {
      throw new Error('its bank still asks');
    }
    return saved.id;
  }

  /** Adds credit with a saved card. */
  async addCredit(amount: string, method: string, id: string = randomUUID()): Promise<void> {
    const fields = { id, amount, method, token: '' };
    const topUp = await this.post<{ state: { state: string } }>('start_top_up', fields);
    expect(topUp.state.state).toBe('succeeded');
  }

  /** Gives unused credit back, under the id that a form has. */
  async refund(topUp: string, amount: string, id: string): Promise<void> {
    const refund = await this.post<{ state: string }>('refund_top_up', { id, top_up: topUp, amount });
    expect(refund.state).toBe('succeeded');
  }

  /** The gateway that reports this organization's usage. */
  gateway(): Promise<Gateway> {
    this.gatewayOnce ??= this.organization.key();
    return this.gatewayOnce;
  }

  async balance(): Promise<string> {
    return (await this.gateway()).balance();
  }

  /** The processor's own list of what it was asked to charge. */
  charges(): Promise<Charge[]> {
    return this.processor.charges(this.organization.id);
  }

  /** That the processor took the money exactly once, and the ledger has it exactly once. */
  async expectOneCharge(cents: number): Promise<void> {
    const charges = await this.charges();
    const seen = charges.map(({ amount, status }) => ({ amount, status }));
    expect(seen).toEqual([{ amount: cents, status: 'succeeded' }]);
    expect(await this.balance()).toBe((cents / 100).toFixed(2));
  }

  /** That no money moved: no charge went through, and the ledger has none. */
  async expectNothingCharged(): Promise<void> {
    const charges = await this.charges();
    expect(charges.filter(({ status }) => status !== 'failed')).toEqual([]);
    expect(await this.balance()).toBe('0.00');
  }

  private async post<T>(name: string, form: Record<string, string>): Promise<T> {
    const response = await this.request.post(`/api/${name}`, {
      form,
      headers: { accept: 'application/json' },
    });
    const body = await response.text();
    expect(response.ok(), `${name}: ${response.status()} ${body}`).toBe(true);
    return JSON.parse(body) as T;
  }
}
