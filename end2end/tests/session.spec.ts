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
  signInPage,
  context,
  page,
}) => {
  const dialog = await billing.openDialog();
  await context.clearCookies();
  await dialog.pay(visa);
  await expect(dialog.problem).toContainText('Your session has ended. Sign in again.');
  await expect(dialog.card.number).toHaveValue('4242 4242 4242 4242');
  await account.expectNothingCharged();

  // The way to the sign-in leads back here.
  await dialog.problem.getByRole('link', { name: 'Sign in' }).click();
  await signInPage.signIn(account.organization.owner);
  await expect(billing.heading).toBeVisible();
  await expect(page).toHaveURL('/billing');
});

test('a payment whose answer was lost is not paid again by clicking without a session', async ({
  account,
  billing,
  signInPage,
  complaints,
  context,
  page,
}) => {
  complaints.expect(/net::ERR_CONNECTION_RESET .*\/api\/start_top_up/);
  const dialog = await billing.openDialog();
  // It is charged; then the answer is lost, and with it the session.
  await page.route(
    '**/api/start_top_up',
    async (route) => {
      await route.fetch();
      await context.clearCookies();
      await route.abort('connectionreset');
    },
    { times: 1 },
  );
  await dialog.pay(visa);
  await expect(dialog.problem).toContainText('Your session has ended.');
  // Nobody knows here that it was charged: the person tries again.
  await dialog.confirm.click();
  await expect(dialog.confirm).toBeEnabled();
  await expect(dialog.problem).toContainText('Your session has ended.');

  await dialog.problem.getByRole('link', { name: 'Sign in' }).click();
  await signInPage.signIn(account.organization.owner);
  await expect(dialog.status).toHaveText('$25.00 was added to your balance');
  await account.expectOneCharge(2_500);
});

test('and not by clicking once more after signing in elsewhere', async ({
  account,
  billing,
  complaints,
  context,
  page,
}) => {
  complaints.expect(/net::ERR_CONNECTION_RESET .*\/api\/start_top_up/);
  complaints.expect(/status of 409 .*\/api\/start_top_up/);
  const dialog = await billing.openDialog();
  await page.route(
    '**/api/start_top_up',
    async (route) => {
      await route.fetch();
      await context.clearCookies();
      await route.abort('connectionreset');
    },
    { times: 1 },
  );
  await dialog.pay(visa);
  await expect(dialog.problem).toContainText('Your session has ended.');
  await dialog.confirm.click();
  await expect(dialog.confirm).toBeEnabled();
  await account.signIn(account.organization.owner);
  await dialog.confirm.click();
  await expect(dialog.status).toHaveText('$25.00 was added to your balance');
  await account.expectOneCharge(2_500);
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
