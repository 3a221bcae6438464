/**
 * What the browser complains about: errors in the console and exceptions that nobody caught. A
 * test fails for each that it did not announce.
 */
import type { BrowserContext, ConsoleMessage } from '@playwright/test';

export class Complaints {
  private readonly heard: string[] = [];
  private readonly announced: RegExp[] = [];

  constructor(context: BrowserContext) {
    context.on('console', (message) => this.hear(message));
    context.on('weberror', (error) => {
      this.heard.push(`uncaught: ${error.error().stack ?? error.error().message}`);
    });
  }

  /** The browser reports every refused request as an error: this one is part of the story. */
  expect(pattern: RegExp): void {
    this.announced.push(pattern);
  }

  /** What was heard and not announced. */
  unexpected(): string[] {
    return this.heard.filter((text) => !this.announced.some((pattern) => pattern.test(text)));
  }

  private hear(message: ConsoleMessage): void {
    // Other warnings are the browser's advice and depend on how busy the machine is; a page that
    // was taken over wrongly is a flaw of ours, however it is told.
    const isMismatch = message.type() === 'warning' && /hydrat/i.test(message.text());
    if (message.type() === 'error' || isMismatch) {
      this.heard.push(`${message.type()}: ${message.text()} (${message.location().url})`);
    }
  }
}
