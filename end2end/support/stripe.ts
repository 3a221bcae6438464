/**
 * A server that is paid through Stripe. Stripe itself is not asked: its script is a stand-in that
 * writes down how it is called and draws one field in a frame from Stripe's own address, and its
 * API is the built-in processor of a second server.
 */
import { join } from 'node:path';

import type { Locator, Page } from '@playwright/test';

import type { Card } from './cards.ts';
import { Processor } from './processor.ts';
import { Server } from './server.ts';
import { test as base } from './test.ts';

/** What our page must load, whatever else Stripe has. */
const SCRIPT = 'https://js.stripe.com/endive/stripe.js';

/** The server functions that may answer that the bank asks. */
const CAN_ASK = ['start_top_up', 'top_up_status', 'add_payment_method', 'finish_payment_method'];

type Answer = { paymentMethod: { id: string } } | { error: { type: string; message: string } };

/** Stripe, as far as a page can tell. */
export class Stripe {
  /** What the next cards are answered with, instead of a token. */
  refusal: { type: string; message: string } | undefined;
  /** The card that the person enters. */
  card: Card | undefined;
  /** Why the fields cannot be drawn. */
  fault: string | undefined;
  /** What comes of the bank's question once the person has answered it; words if it fails. */
  onQuestion: (clientSecret: string) => Promise<string | void> = async () => {};

  private constructor(
    private readonly page: Page,
    private readonly processor: Processor,
  ) {}

  static async of(page: Page, processor: Processor): Promise<Stripe> {
    const stripe = new Stripe(page, processor);
    await page.exposeFunction('standInToken', () => stripe.answer());
    await page.exposeFunction('standInFault', () => stripe.fault);
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

  /** What stands for the window in which Stripe's script asks for the bank. */
  get question(): Locator {
    return this.page.getByRole('button', { name: 'Answer the bank' });
  }

  /** Changes the bank's page in every answer of the server; what it was is given to `seen`. */
  async changeBankPage(to: string | null, seen: (url: string) => void = () => {}): Promise<void> {
    for (const name of CAN_ASK) {
      await this.page.route(`**/api/${name}`, async (route) => {
        const response = await route.fetch();
        const answer = await response.json();
        const place = answer?.setup === undefined ? answer?.state : answer;
        if (typeof place?.url === 'string') {
          seen(place.url);
          if (to === null && place.setup !== undefined) {
            place.client_secret = new URL(place.url).searchParams.get('client_secret');
          }
          place.url = to;
        }
        await route.fulfill({ response, json: answer });
      });
    }
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
                frame.onload = () => listeners.ready?.({ elementType: 'payment' });
                host.append(frame);
                window.standInFault().then((message) => {
                  if (message) {
                    frame.remove();
                    const error = { type: 'api_error', message };
                    listeners.loaderror?.({ elementType: 'payment', error });
                  }
                });
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
        // As Stripe's own window: in the page's body, above all that the page itself puts there.
        const button = document.createElement('button');
        button.textContent = 'Answer the bank';
        Object.assign(button.style, { position: 'fixed', inset: '1rem auto auto 1rem' });
        button.style.zIndex = 2147483647;
        document.body.append(button);
        await new Promise((answered) => (button.onclick = answered));
        const message = await window.standInQuestion(options.clientSecret);
        button.remove();
        return message ? { error: { type: 'card_error', message } } : {};
      },
    };
  };`;

interface ForWorker {
  /** The server whose processor stands for Stripe's API. */
  api: Server;
  /** What more is said to the server that is paid. */
  settings: string[];
}

export const test = base.extend<{ stripe: Stripe }, ForWorker>({
  settings: [[], { option: true, scope: 'worker' }],
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
    async ({ processor, settings }, use, worker) => {
      const logs = join(worker.project.outputDir, 'servers');
      const name = `browser_stripe_${worker.workerIndex}`;
      const server = await Server.start(name, logs, [...processor.asStripe(), ...settings]);
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
