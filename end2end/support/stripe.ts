/**
 * A server that is paid through Stripe. Stripe itself is not asked: its script is a stand-in that
 * writes down how it is called and draws one field in a frame from Stripe's own address, and its
 * API is the built-in processor of a second server.
 */
import { join } from 'node:path';

import type { Page } from '@playwright/test';

import type { Card } from './cards.ts';
import { Processor } from './processor.ts';
import { Server } from './server.ts';
import { test as base } from './test.ts';

/** What our page must load, whatever else Stripe has. */
const SCRIPT = 'https://js.stripe.com/endive/stripe.js';

type Answer = { paymentMethod: { id: string } } | { error: { type: string; message: string } };

/** Stripe, as far as a page can tell. */
export class Stripe {
  /** What the next cards are answered with, instead of a token. */
  refusal: { type: string; message: string } | undefined;
  /** The card that the person enters. */
  card: Card | undefined;
  /** What Stripe's own window does with a question of the bank. */
  onQuestion: (clientSecret: string) => Promise<void> = async () => {};

  private constructor(
    private readonly page: Page,
    private readonly processor: Processor,
  ) {}

  static async of(page: Page, processor: Processor): Promise<Stripe> {
    const stripe = new Stripe(page, processor);
    await page.exposeFunction('standInToken', () => stripe.answer());
    await page.exposeFunction('standInQuestion', (secret: string) => stripe.onQuestion(secret));
    await page.route('https://js.stripe.com/**', (route) => {
      const isScript = route.request().url() === SCRIPT;
      return route.fulfill(
        isScript
          ? { contentType: 'text/javascript', body: STAND_IN }
          : { contentType: 'text/html', body: FIELD },
      );
    });
    return stripe;
  }

  /** Enters a card into Stripe's frame. */
  async enter(card: Card): Promise<void> {
    this.card = card;
    await this.field.fill(card.number);
  }

  get field() {
    const frame = this.page.getByRole('dialog').getByTitle('Secure payment input frame');
    return frame.contentFrame().getByLabel('Card number');
  }

  /** How the script was called, in order. */
  calls(): Promise<[name: string, ...unknown[]][]> {
    return this.page.evaluate(() => Reflect.get(window, 'stripeCalls') ?? []);
  }

  /** With what one of its functions was called last. */
  async last(name: string): Promise<unknown[]> {
    const calls = await this.calls();
    return calls.findLast((call) => call[0] === name)?.slice(1) ?? [];
  }

  private async answer(): Promise<Answer> {
    if (this.refusal !== undefined) {
      return { error: this.refusal };
    }
    if (this.card === undefined) {
      throw new Error('no card was entered');
    }
    return { paymentMethod: { id: await this.processor.tokenize(this.card) } };
  }
}

const FIELD = `<!doctype html><html lang="en"><title>Card</title>
  <label>Card number <input></label>
  <script>document.querySelector('input').oninput =
    ({ target }) => parent.postMessage({ empty: target.value === '' }, '*');</script>`;

const STAND_IN = `
  const calls = (window.stripeCalls = []);
  const note = (...call) => calls.push(call);
  window.Stripe = (key) => {
    note('Stripe', key);
    return {
      elements(options) {
        note('elements', options);
        let isEmpty = true;
        return {
          update: (options) => note('update', options),
          async submit() {
            note('submit');
            return isEmpty ? { error: { type: 'validation_error', message: 'incomplete' } } : {};
          },
          create(kind, options) {
            note('create', kind, options);
            const frame = document.createElement('iframe');
            const hear = ({ source, data }) => {
              if (source === frame.contentWindow) {
                isEmpty = data.empty;
                listeners.change?.({ empty: data.empty, complete: !data.empty });
              }
            };
            const listeners = {};
            return {
              on: (event, listener) => (listeners[event] = listener),
              mount(host) {
                note('mount');
                frame.title = 'Secure payment input frame';
                frame.src = 'https://js.stripe.com/endive/field.html';
                window.addEventListener('message', hear);
                host.append(frame);
              },
              focus: () => note('focus'),
              destroy() {
                note('destroy');
                window.removeEventListener('message', hear);
                frame.remove();
              },
            };
          },
        };
      },
      async createPaymentMethod({ elements, ...rest }) {
        note('createPaymentMethod', typeof elements.submit, rest);
        return window.standInToken();
      },
      async handleNextAction(options) {
        note('handleNextAction', options);
        await window.standInQuestion(options.clientSecret);
        return {};
      },
    };
  };`;

interface ForWorker {
  /** The server whose processor stands for Stripe's API. */
  api: Server;
}

export const test = base.extend<{ stripe: Stripe }, ForWorker>({
  api: [
    async ({}, use, worker) => {
      const logs = join(worker.project.outputDir, 'servers');
      const api = await Server.start(`browser_api_${worker.workerIndex}`, logs);
      await use(api);
      await api.stop();
    },
    { scope: 'worker', timeout: 90_000 },
  ],
  processor: [
    async ({ api }, use) => {
      await use(await Processor.of(api));
    },
    { scope: 'worker' },
  ],
  server: [
    async ({ processor }, use, worker) => {
      const logs = join(worker.project.outputDir, 'servers');
      const name = `browser_stripe_${worker.workerIndex}`;
      const server = await Server.start(name, logs, processor.asStripe());
      await use(server);
      await server.stop();
    },
    { scope: 'worker', timeout: 90_000 },
  ],
  stripe: async ({ page, processor }, use) => {
    await use(await Stripe.of(page, processor));
  },
});

export { expect } from './test.ts';
