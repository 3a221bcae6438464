import { asksAlways, asksThenDeclines, visa } from '../support/cards.ts';
import { gate } from '../support/gate.ts';
import { cellsOf } from '../support/pages/history.ts';
import { hydrated, watchHydration } from '../support/hydration.ts';
import { BillingPage } from '../support/pages/billing.ts';
import { SignInPage } from '../support/pages/sign_in.ts';
import { expect, test } from '../support/test.ts';

test('a payment that the bank asks about goes through once it is approved in the frame', async ({
  account,
  billing,
}) => {
  const dialog = await billing.openDialog();
  await dialog.pay(asksAlways);
  await expect(dialog.bank.getByText('Approve this payment of $25.00?')).toBeVisible();
  await account.expectNothingCharged();

  await dialog.bank.getByRole('button', { name: 'Approve' }).click();
  await expect(dialog.status).toHaveText('$25.00 was added to your balance');
  await dialog.done.click();
  await expect(billing.balance).toHaveText('$25.00');
  await expect(billing.methods).toContainText('Visa ···· 3184');
  await account.expectOneCharge(2_500);
});

test('a payment that the owner does not confirm charges nothing and loses nothing typed', async ({
  account,
  billing,
}) => {
  const dialog = await billing.openDialog();
  await dialog.amount.fill('33');
  await dialog.pay(asksAlways);
  await dialog.bank.getByRole('button', { name: 'Fail' }).click();
  await expect(dialog.problem).toHaveText(
    'Your bank could not confirm that it was you. Nothing was charged. ' +
      'Try again or use another card.',
  );
  await expect(dialog.amount).toHaveValue('33');
  await expect(dialog.card.number).toHaveValue('4000 0027 6000 3184');
  await expect(dialog.card.securityCode).toHaveValue('123');
  await account.expectNothingCharged();

  await dialog.pay(visa);
  await expect(dialog.status).toHaveText('$33.00 was added to your balance');
  await account.expectOneCharge(3_300);
});

test('a bank that declines after it was asked charges nothing', async ({ account, billing }) => {
  const dialog = await billing.openDialog();
  await dialog.pay(asksThenDeclines);
  await dialog.bank.getByRole('button', { name: 'Approve' }).click();
  await expect(dialog.problem).toHaveText(
    'Your bank declined the card. Nothing was charged. Try another card or ask your bank.',
  );
  await account.expectNothingCharged();
});

test('whoever wants to pay with another card gives the first payment up', async ({
  account,
  billing,
}) => {
  const dialog = await billing.openDialog();
  await dialog.amount.fill('33');
  await dialog.pay(asksAlways);
  await expect(dialog.bank.getByRole('button', { name: 'Approve' })).toBeVisible();
  await dialog.useAnotherCard.click();
  await expect(dialog.problem).toHaveText('The payment was canceled. Nothing was charged.');
  await expect(dialog.amount).toHaveValue('33');
  await expect(cellsOf(billing.rows).status).toHaveText('Canceled');

  await dialog.pay(visa);
  await expect(dialog.status).toHaveText('$33.00 was added to your balance');
  expect(await account.balance()).toBe('33.00');
  const charges = await account.charges();
  expect(charges.filter(({ status }) => status === 'succeeded')).toHaveLength(1);
});

test('a payment that was confirmed a moment before it is given up is paid', async ({
  account,
  billing,
  context,
  page,
}) => {
  const dialog = await billing.openDialog();
  await dialog.pay(asksAlways);
  const url = await dialog.bankInNewTab.getAttribute('href');
  const tab = await context.newPage();
  // The page must not hear of it before it gives the payment up.
  await tab.route('**/billing/confirmed*', (route) => route.abort());
  await tab.goto(url ?? '');
  const answered = tab.waitForRequest('**/billing/confirmed*');
  await tab.getByRole('button', { name: 'Approve' }).click({ noWaitAfter: true });
  await answered;
  await page.bringToFront();
  await dialog.useAnotherCard.click();
  await expect(dialog.status).toHaveText('$25.00 was added to your balance');
  await account.expectOneCharge(2_500);
});

test("the bank's page opens in a tab of its own, and the dialog follows", async ({
  account,
  billing,
  page,
}) => {
  const dialog = await billing.openDialog();
  await dialog.pay(asksAlways);
  const opened = page.waitForEvent('popup');
  await dialog.bankInNewTab.click();
  const tab = await opened;
  await tab.getByRole('button', { name: 'Approve' }).click();
  await expect(tab).toHaveURL('/billing');
  await expect(dialog.status).toHaveText('$25.00 was added to your balance');
  await account.expectOneCharge(2_500);
});

test('a payment that waits is confirmed on another device', async ({
  account,
  billing,
  browser,
  contextOptions,
  server,
}) => {
  const dialog = await billing.openDialog();
  await dialog.pay(asksAlways);
  await expect(dialog.bank.getByRole('button', { name: 'Approve' })).toBeVisible();

  const elsewhere = await browser.newContext({ ...contextOptions, baseURL: server.url });
  await watchHydration(elsewhere);
  const page = await elsewhere.newPage();
  await page.goto('/billing');
  await new SignInPage(page).signIn(account.organization.owner);
  const there = new BillingPage(page);
  const notice = page.getByRole('status').filter({ hasText: 'Your bank wants you to confirm' });
  await expect(notice).toContainText('$25.00');
  await notice.getByRole('link', { name: 'Confirm it now' }).click();
  await there.dialog.bank.getByRole('button', { name: 'Approve' }).click();
  await expect(there.dialog.status).toHaveText('$25.00 was added to your balance');
  await elsewhere.close();

  // The first device follows.
  await expect(dialog.status).toHaveText('$25.00 was added to your balance');
  await account.expectOneCharge(2_500);
});

test('a payment that waits is confirmed from its row in the history', async ({
  account,
  billing,
  history,
  page,
}) => {
  const dialog = await billing.openDialog();
  await dialog.pay(asksAlways);
  await expect(dialog.bank.getByRole('button', { name: 'Approve' })).toBeVisible();
  await page.evaluate(() => localStorage.clear());
  await history.open();
  await history.rows.getByRole('link', { name: 'Confirm' }).click();
  await dialog.bank.getByRole('button', { name: 'Approve' }).click();
  await expect(dialog.status).toHaveText('$25.00 was added to your balance');
  await expect(page).toHaveURL('/billing');
  await account.expectOneCharge(2_500);
});

test('a member is told whose turn it is, and no more', async ({ account, billing, page }) => {
  const dialog = await billing.openDialog();
  await dialog.pay(asksAlways);
  await expect(dialog.bank.getByRole('button', { name: 'Approve' })).toBeVisible();
  await page.evaluate(() => localStorage.clear());
  await account.signIn(await account.organization.add('member'));
  await billing.open();
  await expect(page.getByText('Your bank wants you to confirm')).toBeHidden();
  await billing.rows.getByRole('link', { name: 'Confirm' }).click();
  await expect(page.getByRole('main').getByRole('status')).toHaveText(
    '$25.00 waits for an owner or billing admin to confirm it at the bank.',
  );
});

test('whoever closes the question of the bank is not asked again by a reload', async ({
  account,
  billing,
  page,
}) => {
  const dialog = await billing.openDialog();
  await dialog.pay(asksAlways);
  await expect(dialog.bank.getByRole('button', { name: 'Approve' })).toBeVisible();
  await dialog.close.click();

  await page.reload();
  await hydrated(page);
  const notice = page.getByRole('status').filter({ hasText: 'Your bank wants you to confirm' });
  await expect(notice).toContainText('$25.00');
  await expect(dialog.root).toBeHidden();
  // What adds credit leads to the payment that waits.
  await billing.addCredit.click();
  await dialog.bank.getByRole('button', { name: 'Approve' }).click();
  await expect(dialog.status).toHaveText('$25.00 was added to your balance');
  await account.expectOneCharge(2_500);
});

test('whoever closes the dialog before the bank has asked is not asked by a reload', async ({
  billing,
  page,
}) => {
  const [released, release] = gate();
  await page.route('**/api/start_top_up', async (route) => {
    await released;
    await route.continue();
  });
  const dialog = await billing.openDialog();
  await dialog.pay(asksAlways);
  await dialog.close.click();
  release();
  const notice = page.getByRole('status').filter({ hasText: 'Your bank wants you to confirm' });
  await expect(notice).toBeVisible();

  await page.reload();
  await hydrated(page);
  await expect(notice).toBeVisible();
  await expect(dialog.root).toBeHidden();
});

test('a reload while the bank asks finds its question again', async ({
  account,
  billing,
  page,
}) => {
  const dialog = await billing.openDialog();
  await dialog.pay(asksAlways);
  await expect(dialog.bank.getByRole('button', { name: 'Approve' })).toBeVisible();

  await page.reload();
  await hydrated(page);
  await expect(cellsOf(billing.rows).status).toHaveText('Needs confirmation');
  await dialog.bank.getByRole('button', { name: 'Approve' }).click();
  await expect(dialog.status).toHaveText('$25.00 was added to your balance');
  await account.expectOneCharge(2_500);
});
