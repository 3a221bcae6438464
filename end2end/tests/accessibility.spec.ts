/**
 * Every page and every state of a dialog, dark and light, wide and narrow: nothing that axe can
 * find, and nothing that sticks out of the screen.
 */
import { randomUUID } from 'node:crypto';

import { expectNoSidewaysScroll, expectSound, SCREENS } from '../support/accessibility.ts';
import { asksAlways, declined, disputed, mastercard, visa, type Card } from '../support/cards.ts';
import { hydrated } from '../support/hydration.ts';
import { ONE_REQUEST, stranger } from '../support/organization.ts';
import { CardFields } from '../support/pages/add_credit.ts';
import { expect, test } from '../support/test.ts';

for (const colorScheme of ['dark', 'light'] as const) {
  for (const { name, viewport } of SCREENS) {
    test.describe(`${colorScheme} ${name}`, () => {
      test.use({
        colorScheme,
        viewport,
        // A colour that is still on its way to another has no contrast to speak of.
        contextOptions: { reducedMotion: 'reduce' },
      });

      test('the sign-in is sound, refusing too', async ({ signInPage, complaints, page }) => {
        complaints.expect(/status of 400/);
        await signInPage.open();
        await hydrated(page);
        await expectSound(page, 'empty');
        await signInPage.signIn(stranger());
        await expect(signInPage.problem).toBeVisible();
        await expectSound(page, 'refused');
      });

      test('the pages of a new organization are sound', async ({ billing, history, page }) => {
        await billing.open();
        await expectSound(page, 'Billing');
        await history.open();
        await expectSound(page, 'Billing History');
        await page.goto('/models');
        await hydrated(page);
        await expectSound(page, 'Models');
      });

      test('the pages of an organization at work are sound', async ({
        account,
        billing,
        history,
        page,
      }) => {
        const card = await account.saveCard(visa);
        await account.saveCard(mastercard);
        await account.addCredit('500.00', card);
        await (await account.gateway()).report({ id: randomUUID(), ...ONE_REQUEST });
        const dialog = await billing.openDialog();
        await dialog.newCard.check();
        await dialog.pay(declined);
        await expect(dialog.problem).toBeVisible();
        await billing.open();
        await expect(billing.rows).toHaveCount(3);
        await expectSound(page, 'Billing');
        await billing.balanceCard.getByText('Table, by UTC day').click();
        await expectSound(page, 'the balance as a table');
        await billing.methodsCard.getByLabel('Change Mastercard ···· 4444').click();
        await expectSound(page, 'the menu of a card');
        await billing.methodsCard.getByRole('link', { name: 'Remove' }).click();
        await expect(page.getByRole('dialog', { name: 'Remove this card?' })).toBeVisible();
        await expectSound(page, 'the question before a card is removed');
        await history.open();
        await expectSound(page, 'Billing History');
        await history.rows.getByRole('link', { name: 'Refund of' }).click();
        const refund = page.getByRole('dialog', { name: 'Refund unused credit' });
        await expectSound(page, 'a refund');
        await refund.getByLabel('Amount to refund (USD)').fill('501');
        await refund.getByRole('button', { name: 'Refund' }).click();
        await expectSound(page, 'a refund of too much');
        await refund.getByLabel('Amount to refund (USD)').fill('7');
        await refund.getByRole('button', { name: 'Refund' }).click();
        await expect(refund.getByText('$7.00 was refunded')).toBeVisible();
        await expectSound(page, 'a refund that was made');
        await refund.getByRole('button', { name: 'Done' }).click();
        await expectSound(page, 'Billing History with a refund');
      });

      test('adding a card is sound in every state, and so is a dispute', async ({
        account,
        billing,
        history,
        page,
      }) => {
        await account.addCredit('25.00', await account.saveCard(disputed));
        const banner = page.getByText('A payment is disputed at the bank');
        await expect(async () => {
          await billing.open();
          await expect(banner).toBeVisible({ timeout: 1_000 });
        }).toPass();
        await expectSound(page, 'a dispute');
        const dialog = page.getByRole('dialog', { name: 'Add payment method' });
        const save = async (card: Card): Promise<void> => {
          await billing.methodsCard.getByRole('link', { name: 'Add payment method' }).click();
          await new CardFields(dialog).fill(card);
          await dialog.getByRole('button', { name: 'Save card' }).click();
        };
        await save(asksAlways);
        const bank = dialog.getByTitle('Confirmation by your bank').contentFrame();
        await expect(bank.getByRole('button', { name: 'Approve' })).toBeVisible();
        await expectSound(page, 'the question of the bank');
        await bank.getByRole('button', { name: 'Approve' }).click();
        await expect(dialog).toBeHidden();
        await save(asksAlways);
        await bank.getByRole('button', { name: 'Approve' }).click();
        await expect(dialog.getByText('is already saved')).toBeVisible();
        await expectSound(page, 'a card that was saved before');
        await history.open();
        await expectSound(page, 'Billing History with a dispute');
      });

      test('the dialog is sound in every state', async ({ billing, page }) => {
        const dialog = await billing.openDialog();
        await expectSound(page, 'a new card');
        await dialog.amount.fill('4');
        await dialog.confirm.click();
        await expect(dialog.amount).toHaveAttribute('aria-invalid', 'true');
        await expectSound(page, 'problems at the fields');
        await dialog.preset('$50').click();
        await dialog.pay(declined);
        await expect(dialog.problem).toBeVisible();
        await expectSound(page, 'declined');
        await dialog.pay(asksAlways);
        await expect(dialog.bank.getByRole('button', { name: 'Approve' })).toBeVisible();
        await expectSound(page, 'the question of the bank');
        await dialog.bank.getByRole('button', { name: 'Approve' }).click();
        await expect(dialog.done).toBeVisible();
        await expectSound(page, 'done');
        await dialog.done.click();
        await billing.addCredit.click();
        await expect(dialog.savedCards).toBeChecked();
        await expectSound(page, 'a saved card');
        await dialog.close.click();
        await billing.methodsCard.getByRole('link', { name: 'Add payment method' }).click();
        await expect(page.getByRole('dialog', { name: 'Add payment method' })).toBeVisible();
        await expectSound(page, 'saving a card');
      });

      test('a page that does not exist is sound', async ({ complaints, page }) => {
        complaints.expect(/status of 404/);
        await page.goto('/no-such-page');
        await hydrated(page);
        const heading = page.getByRole('heading', { level: 1 });
        await expect(heading).toHaveText('This page does not exist');
        await expectSound(page, 'not found');
      });
    });
  }
}

const MENUS = [
  { on: 'a phone', button: 'More', viewport: { width: 390, height: 844 } },
  { on: 'a tablet', button: 'Open menu', viewport: { width: 768, height: 1024 } },
];

for (const { on, button, viewport } of MENUS) {
  test.describe(`on ${on}`, () => {
    test.use({ viewport });

    test('the menu opens, is sound, leads on and closes', async ({ billing, page }) => {
      await billing.open();
      const menu = page.getByRole('navigation', { name: 'Main' });
      await expect(menu).toBeHidden();
      await page.getByRole('button', { name: button }).click();
      await expect(menu).toBeVisible();
      await expectSound(page, 'menu');
      await menu.getByRole('link', { name: 'Models' }).click();
      await expect(page.getByRole('heading', { name: 'Models', level: 1 })).toBeVisible();
      await expect(menu).toBeHidden();

      await page.getByRole('button', { name: button }).click();
      await expect(menu.getByRole('link', { name: 'Models' })).toHaveAttribute(
        'aria-current',
        'page',
      );
      await page.keyboard.press('Escape');
      await expect(menu).toBeHidden();
    });
  });
}

/** Who enlarges a page fourfold has this much of it, and WCAG has them not scroll aside. */
test.describe('at 320 px', () => {
  test.use({ viewport: { width: 320, height: 640 } });

  test('nothing sticks out of the screen', async ({ account, billing, history, page }) => {
    await account.addCredit('500.00', await account.saveCard(visa));
    await (await account.gateway()).report({ id: randomUUID(), ...ONE_REQUEST });
    await billing.open();
    await expectNoSidewaysScroll(page);
    await history.open();
    await expectNoSidewaysScroll(page);
    await page.goto('/models');
    await hydrated(page);
    await expectNoSidewaysScroll(page);
    const dialog = await billing.openDialog();
    await dialog.newCard.check();
    await dialog.card.fill(visa);
    await expectNoSidewaysScroll(page);
    expect(await dialog.root.evaluate((root) => root.scrollWidth - root.clientWidth)).toBe(0);
  });
});

test.describe('with the longest name', () => {
  // As long as a name may be, and nowhere a place to break it.
  test.use({ organizationName: 'Mechanical'.repeat(10) });

  for (const { name, viewport } of SCREENS) {
    test.describe(name, () => {
      test.use({ viewport });

      test('nothing sticks out of the screen', async ({ account, billing, history, page }) => {
        await account.saveCard(visa);
        await billing.open();
        await expectNoSidewaysScroll(page);
        await history.open();
        await expectNoSidewaysScroll(page);
      });
    });
  }
});
