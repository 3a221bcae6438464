import type { Locator, Page } from '@playwright/test';

import { hydrated } from '../hydration.ts';
import { AddCreditDialog } from './add_credit.ts';
import { rowsOf } from './history.ts';

/** An amount and nothing else; a minus is also said in words. */
const FIGURE = /^(minus )?-?\$[\d,.]+$/;

export class BillingPage {
  readonly heading: Locator;
  readonly balanceCard: Locator;
  /** The large figure. */
  readonly balance: Locator;
  /** Every digit of it, where the large figure leaves some out. */
  readonly exactBalance: Locator;
  readonly methodsCard: Locator;
  readonly methods: Locator;
  readonly historyCard: Locator;
  readonly rows: Locator;
  readonly planCard: Locator;
  readonly addCredit: Locator;
  readonly dialog: AddCreditDialog;

  constructor(private readonly page: Page) {
    this.heading = page.getByRole('heading', { name: 'Billing', level: 1, exact: true });
    this.balanceCard = page.getByRole('region', { name: 'Credit balance' });
    const figures = this.balanceCard.getByRole('paragraph').filter({ hasText: FIGURE });
    this.balance = figures.first();
    this.exactBalance = this.balanceCard.getByTitle('The exact balance');
    this.methodsCard = page.getByRole('region', { name: 'Payment methods' });
    this.methods = this.methodsCard.getByRole('listitem');
    this.historyCard = page.getByRole('region', { name: 'Billing history' });
    this.rows = rowsOf(this.historyCard);
    this.planCard = page.getByRole('region', { name: 'Plan' });
    this.addCredit = this.balanceCard.getByRole('link', { name: 'Add to credit balance' });
    this.dialog = new AddCreditDialog(page);
  }

  /** Opens the page and waits until the browser has taken it over. */
  async open(): Promise<void> {
    await this.page.goto('/billing');
    await hydrated(this.page);
  }

  async openDialog(): Promise<AddCreditDialog> {
    await this.open();
    await this.addCredit.click();
    return this.dialog;
  }
}
