import type { Locator, Page } from '@playwright/test';

import { hydrated } from '../hydration.ts';

/** The rows of a history table below its head. */
export function rowsOf(table: Locator): Locator {
  return table.getByRole('row').filter({ has: table.page().getByRole('cell') });
}

type Column = 'date' | 'description' | 'amount' | 'status';

/** The cells of a row. */
export function cellsOf(row: Locator): Record<Column, Locator> {
  const cell = (index: number): Locator => row.getByRole('cell').nth(index);
  return { date: cell(0), description: cell(1), amount: cell(2), status: cell(3) };
}

export class HistoryPage {
  readonly heading: Locator;
  readonly back: Locator;
  readonly table: Locator;
  readonly rows: Locator;
  readonly loadMore: Locator;
  /** Back to the top, for who followed "Load more" without script. */
  readonly newest: Locator;

  constructor(private readonly page: Page) {
    this.heading = page.getByRole('heading', { name: 'Billing History', level: 1 });
    this.back = page.getByRole('link', { name: 'Back to Billing' });
    this.table = page.getByRole('table', { name: 'Billing history' });
    this.rows = rowsOf(this.table);
    this.loadMore = page.getByRole('link', { name: 'Load more' });
    this.newest = page.getByRole('link', { name: 'Newest rows' });
  }

  async open(): Promise<void> {
    await this.page.goto('/billing/history');
    await hydrated(this.page);
  }
}
