/** The dialogs with Stripe's fields in them, and without, where these do not come. */
import { expectSound, SCREENS } from '../support/accessibility.ts';
import { visa } from '../support/cards.ts';
import { expect, test } from '../support/stripe.ts';

for (const colorScheme of ['dark', 'light'] as const) {
  for (const { name, viewport } of SCREENS) {
    test.describe(`${colorScheme} ${name}`, () => {
      test.use({ colorScheme, viewport, contextOptions: { reducedMotion: 'reduce' } });

      test("the dialogs are sound with Stripe's fields, and where they do not load", async ({
        billing,
        page,
        stripe,
      }) => {
        const dialog = await billing.openDialog();
        await stripe.enter(visa);
        await expectSound(page, "Stripe's fields");
        stripe.refusal = { type: 'card_error', message: 'Your card number is invalid.' };
        await dialog.confirm.click();
        await expect(dialog.problem).toBeVisible();
        await expectSound(page, 'what Stripe refuses');
        await dialog.close.click();
        await billing.methodsCard.getByRole('link', { name: 'Add payment method' }).click();
        await expect(stripe.field).toBeVisible();
        await expectSound(page, 'saving a card');
        await page.keyboard.press('Escape');
        stripe.fault = 'The fields are out of order.';
        await billing.addCredit.click();
        await expect(dialog.problem).toContainText('did not load');
        await expectSound(page, 'fields that did not load');
      });
    });
  }
}
