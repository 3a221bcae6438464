import type { Locator, Page } from '@playwright/test';

import { mastercard, visa } from '../support/cards.ts';
import { expect, test } from '../support/test.ts';

/** More stops than any page has. */
const MOST_STOPS = 40;

/** Goes on with Tab until `target` has the focus. */
async function tabTo(page: Page, target: Locator): Promise<void> {
  for (let stop = 0; stop < MOST_STOPS; stop += 1) {
    await page.keyboard.press('Tab');
    if (await target.evaluate((element) => element === document.activeElement)) {
      return;
    }
  }
  await expect(target).toBeFocused();
}

test('the first stop skips to the content', async ({ billing, page }) => {
  await billing.open();
  await page.keyboard.press('Tab');
  await expect(page.getByRole('link', { name: 'Skip to content' })).toBeFocused();
  await page.keyboard.press('Enter');
  await tabTo(page, billing.addCredit);
});

test('the keyboard alone adds credit', async ({ account, billing, page }) => {
  await account.saveCard(visa);
  await billing.open();
  await tabTo(page, billing.addCredit);
  await page.keyboard.press('Enter');
  const { dialog } = billing;
  await expect(dialog.amount).toBeFocused();
  await tabTo(page, dialog.preset('$10'));
  await page.keyboard.press('Space');
  await expect(dialog.amount).toHaveValue('10.00');
  await tabTo(page, dialog.savedCards);
  await tabTo(page, dialog.confirm);
  await page.keyboard.press('Enter');
  await expect(dialog.status).toHaveText('$10.00 was added to your balance');
  await expect(dialog.status).toBeFocused();
  await tabTo(page, dialog.done);
  await page.keyboard.press('Enter');
  await expect(dialog.root).toBeHidden();
  await expect(billing.addCredit).toBeFocused();
  await account.expectOneCharge(1_000);
});

test('the focus stays in the open dialog and comes back when it closes', async ({
  billing,
  page,
}) => {
  const dialog = await billing.openDialog();
  await expect(dialog.amount).toBeFocused();
  for (let stop = 0; stop < MOST_STOPS; stop += 1) {
    await page.keyboard.press('Tab');
    // Between the last stop and the first the browser's own controls come.
    const isInside = await page.evaluate(
      () => document.activeElement?.closest('dialog, body > :not(dialog)')?.matches('dialog'),
    );
    expect(isInside ?? true).toBe(true);
  }
  await page.keyboard.press('Escape');
  await expect(dialog.root).toBeHidden();
  await expect(billing.addCredit).toBeFocused();
});

test('the menu of a card closes when the focus leaves it, and on Escape gives it back', async ({
  account,
  billing,
  page,
}) => {
  await account.saveCard(visa);
  await account.saveCard(mastercard);
  await billing.open();
  const menu = billing.methodsCard.getByLabel('Change Mastercard ···· 4444');
  const remove = billing.methodsCard.getByRole('link', { name: 'Remove' });
  await tabTo(page, menu);
  await page.keyboard.press('Enter');
  await expect(remove).toBeVisible();
  await tabTo(page, remove);
  await page.keyboard.press('Escape');
  await expect(remove).toBeHidden();
  await expect(menu).toBeFocused();

  await page.keyboard.press('Enter');
  await tabTo(page, remove);
  await page.keyboard.press('Tab');
  await expect(remove).toBeHidden();

  // By a click beside it, too.
  await menu.click();
  await expect(remove).toBeVisible();
  await billing.heading.click();
  await expect(remove).toBeHidden();
});

test('the arrow keys read the balance line day by day', async ({ account, billing, page }) => {
  await account.addCredit('25.00', await account.saveCard(visa));
  await billing.open();
  const line = billing.balanceCard.getByRole('slider', { name: 'Balance over the last 30 days' });
  await tabTo(page, line);
  await expect(line).toHaveAttribute('aria-valuetext', /: \$25\.00$/);
  await page.keyboard.press('ArrowLeft');
  await expect(line).toHaveAttribute('aria-valuetext', /: \$0\.00$/);
  await page.keyboard.press('End');
  await expect(line).toHaveAttribute('aria-valuetext', /: \$25\.00$/);
});
