import type { FrameLocator, Locator, Page } from '@playwright/test';

import type { Card } from '../cards.ts';

/** The fields of a new card, wherever they stand. */
export class CardFields {
  readonly number: Locator;
  readonly expiry: Locator;
  readonly securityCode: Locator;
  readonly country: Locator;

  constructor(readonly form: Locator) {
    this.number = form.getByLabel('Card number');
    this.expiry = form.getByLabel('Expiration date');
    this.securityCode = form.getByLabel('Security code');
    this.country = form.getByLabel('Country');
  }

  async fill(card: Card): Promise<void> {
    await this.number.fill(card.number);
    await this.expiry.fill(card.expiry);
    await this.securityCode.fill(card.securityCode);
  }
}

/** The dialog "Add to credit balance". */
export class AddCreditDialog {
  readonly root: Locator;
  readonly amount: Locator;
  readonly presets: Locator;
  readonly savedCards: Locator;
  readonly newCard: Locator;
  readonly card: CardFields;
  /** Credit, fee, tax, total, new balance. */
  readonly summary: Locator;
  readonly confirm: Locator;
  readonly problem: Locator;
  readonly status: Locator;
  readonly done: Locator;
  readonly close: Locator;
  /** The bank's page. */
  readonly bank: FrameLocator;
  readonly useAnotherCard: Locator;
  readonly bankInNewTab: Locator;
  readonly lookAgain: Locator;

  constructor(page: Page) {
    this.root = page.getByRole('dialog', { name: 'Add to credit balance' });
    this.amount = this.root.getByLabel('Amount (USD)');
    this.presets = this.root.getByRole('group', { name: 'Amounts to choose from' });
    this.savedCards = this.root.getByRole('radio', { name: '····' });
    this.newCard = this.root.getByRole('radio', { name: 'Add new payment method' });
    this.card = new CardFields(this.root);
    this.summary = this.root.getByRole('definition');
    this.confirm = this.root.getByRole('button', { name: /^Add (\$|credit)/ });
    this.problem = this.root.getByRole('alert');
    this.status = this.root.getByRole('status');
    this.done = this.root.getByRole('button', { name: 'Done' });
    this.close = this.root.getByRole('button', { name: 'Close' });
    this.bank = this.root.getByTitle('Confirmation by your bank').contentFrame();
    this.useAnotherCard = this.root.getByRole('button', { name: 'Use another card' });
    this.bankInNewTab = this.root.getByRole('link', { name: "Open your bank's page in a new tab" });
    this.lookAgain = this.root.getByRole('button', { name: 'Look again' });
  }

  preset(label: string): Locator {
    return this.presets.getByRole('button', { name: label, exact: true });
  }

  async pay(card: Card): Promise<void> {
    await this.card.fill(card);
    await this.confirm.click();
  }
}
