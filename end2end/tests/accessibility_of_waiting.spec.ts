/**
 * What people see while something is not decided, does not come, or has no script: as sound as the
 * rest, dark and light, wide and narrow.
 */
import { expectSound, SCREENS } from '../support/accessibility.ts';
import { decidesLater, visa } from '../support/cards.ts';
import { ONE_REQUEST } from '../support/organization.ts';
import { START } from '../support/sending.ts';
import { expect, test } from '../support/test.ts';

for (const colorScheme of ['dark', 'light'] as const) {
  for (const { name, viewport } of SCREENS) {
    test.describe(`${colorScheme} ${name}`, () => {
      test.use({ colorScheme, viewport, contextOptions: { reducedMotion: 'reduce' } });

      test('a payment that takes its time is sound, and one that nobody has heard of', async ({
        billing,
        complaints,
        page,
        processor,
      }) => {
        complaints.expect(/net::ERR_CONNECTION_REFUSED .*\/api\/start_top_up/);
        const dialog = await billing.openDialog();
        await dialog.pay(decidesLater);
        await expect(dialog.root.getByText('Still processing')).toBeVisible();
        await expectSound(page, 'processing');
        await dialog.root.getByText('Close', { exact: true }).click();
        await expect(billing.rows).toContainText('Processing');
        await expectSound(page, 'a row that is processing');
        await processor.advance(15);
        await expect(page.getByText('$25.00 was added.')).toBeVisible();
        await expectSound(page, 'told on the page');

        await page.route(START, (route) => route.abort('connectionrefused'));
        await billing.addCredit.click();
        await dialog.confirm.click();
        await expect(dialog.root.getByText('Waiting to hear from the server')).toBeVisible();
        await expectSound(page, 'unheard of');
      });

      test('a removal that failed is sound, and so is what is owed', async ({
        account,
        billing,
        complaints,
        page,
      }) => {
        complaints.expect(/net::ERR_CONNECTION_REFUSED .*\/api\/remove_payment_method/);
        await account.saveCard(visa);
        await (await account.gateway()).report({ id: 'owed', ...ONE_REQUEST });
        await page.route('**/api/remove_payment_method', (route) =>
          route.abort('connectionrefused'),
        );
        await billing.open();
        await expect(page.getByText('is owed, and requests are refused')).toBeVisible();
        await expectSound(page, 'something is owed');
        await billing.methodsCard.getByLabel('Change Visa ···· 4242').click();
        await billing.methodsCard.getByRole('link', { name: 'Remove' }).click();
        const question = page.getByRole('dialog', { name: 'Remove this card?' });
        await question.getByRole('button', { name: 'Remove card' }).click();
        await expect(question.getByRole('alert')).toBeVisible();
        await expectSound(page, 'a removal that failed');
      });

      test('the forms that work without script are sound', async ({ account, billing, page }) => {
        const card = await account.saveCard(visa);
        await account.addCredit('25.00', card);
        // The script never comes.
        await page.route('**/*.wasm', () => {});
        await page.goto('/billing?add=1');
        const form = page.getByRole('region', { name: 'Add to credit balance' });
        await expect(form).toBeVisible();
        await expectSound(page, 'adding credit');
        await form.getByLabel('Other amount').fill('4');
        await form.getByRole('button', { name: 'Add credit' }).click();
        await expect(form.getByLabel('Other amount')).toHaveAttribute('aria-invalid', 'true');
        await expectSound(page, 'adding credit, refused');
        await page.goto('/billing?add_card=1');
        await expect(billing.methodsCard.getByRole('status')).toBeVisible();
        await expectSound(page, 'what saving a card needs');
        await page.goto(`/billing?remove=${card}`);
        await expect(page.getByRole('button', { name: 'Remove card' })).toBeVisible();
        await expectSound(page, 'removing a card');
        await page.goto('/billing/history');
        await page.getByRole('link', { name: 'Refund of $25.00' }).click();
        await expect(page.getByRole('heading', { name: 'Refund unused credit' })).toBeVisible();
        await expectSound(page, 'a refund');
      });
    });
  }
}
