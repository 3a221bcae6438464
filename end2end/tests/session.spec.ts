/**
 * A session that ends while a page is open.
 */
import { visa } from '../support/cards.ts';
import { expect, test } from '../support/test.ts';

test.beforeEach(({ complaints }) => {
  complaints.expect(/status of 401/);
});

test('paying without a session charges nothing and says to sign in', async ({
  account,
  billing,
  context,
}) => {
  const dialog = await billing.openDialog();
  await context.clearCookies();
  await dialog.pay(visa);
  await expect(dialog.problem).toHaveText('Your session has ended. Sign in again.');
  await expect(dialog.card.number).toHaveValue('4242 4242 4242 4242');
  await account.expectNothingCharged();
});

test('going on to another page without a session leads to the sign-in and back', async ({
  account,
  billing,
  history,
  signInPage,
  context,
  page,
}) => {
  await billing.open();
  await context.clearCookies();
  await billing.historyCard.getByRole('link', { name: 'View past and current invoices' }).click();
  await expect(signInPage.heading).toBeVisible();
  await signInPage.signIn(account.organization.owner);
  await expect(history.heading).toBeVisible();
  await expect(page).toHaveURL('/billing/history');
});
