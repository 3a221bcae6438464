/**
 * With script switched off everything that does not need to make an id or talk to the payment
 * processor in the browser still works.
 */
import {
  answerLostAfter,
  asksAlways,
  declinesLater,
  mastercard,
  visa,
} from '../support/cards.ts';
import { BillingPage } from '../support/pages/billing.ts';
import { cellsOf, HistoryPage } from '../support/pages/history.ts';
import { expect, test } from '../support/test.ts';

test.use({ javaScriptEnabled: false });

test('signing in, adding credit with a saved card, reading the history, signing out', async ({
  organization,
  processor,
  context,
  signInPage,
  page,
}) => {
  const billing = new BillingPage(page);
  const history = new HistoryPage(page);
  await signInPage.open();
  await signInPage.signIn({ ...organization.owner, password: 'not-the-password' });
  await expect(signInPage.problem).toHaveText('The email or password is incorrect.');
  await expect(signInPage.email).toHaveValue(organization.owner.email);
  await signInPage.signIn(organization.owner);
  await expect(billing.heading).toBeVisible();

  const token = await processor.tokenize(visa);
  await context.request.post('/api/add_payment_method', { form: { token } });
  await page.goto('/billing');
  await billing.addCredit.click();
  const form = page.getByRole('region', { name: 'Add to credit balance' });
  await form.getByLabel('$50', { exact: true }).check();
  await expect(form.getByRole('radio', { name: 'Visa ···· 4242' })).toBeChecked();
  await form.getByRole('button', { name: 'Add credit' }).click();

  await expect(page.getByRole('main').getByRole('status')).toHaveText(
    '$50.00 was added. Your balance is $50.00.',
  );
  await expect(billing.balance).toHaveText('$50.00');

  await billing.historyCard.getByRole('link', { name: 'View past and current invoices' }).click();
  const row = cellsOf(history.rows);
  await expect(row.amount).toHaveText('+$50.00');
  await expect(row.status).toHaveText('Credit');
  // Nobody has told the server which zone it is: it says which one it means.
  await expect(row.date).toHaveText(/^\d{1,2}\/\d{1,2}\/\d{4}, \d{1,2}:\d\d:\d\d [AP]M UTC$/);
  expect(await processor.charges(organization.id)).toHaveLength(1);

  await page.getByRole('button', { name: 'Sign out' }).click();
  await expect(signInPage.heading).toBeVisible();
});

test('an amount outside the limits comes back with its message and the choice made', async ({
  account,
  billing,
  page,
}) => {
  await account.saveCard(visa);
  await account.saveCard(mastercard);
  await page.goto('/billing?add=1');
  const form = page.getByRole('region', { name: 'Add to credit balance' });
  await form.getByLabel('Other', { exact: true }).check();
  await form.getByLabel('Other amount').fill('4');
  await form.getByRole('radio', { name: 'Mastercard' }).check();
  await form.getByRole('button', { name: 'Add credit' }).click();
  const other = form.getByLabel('Other amount');
  await expect(other).toHaveAccessibleDescription('The least you can add is $5.00.');
  await expect(other).toHaveAttribute('aria-invalid', 'true');
  await expect(other).toBeFocused();
  await expect(other).toHaveValue('4');
  await expect(form.getByRole('radio', { name: 'Mastercard' })).toBeChecked();
  await account.expectNothingCharged();

  await form.getByLabel('Other amount').fill('12.34');
  await form.getByRole('button', { name: 'Add credit' }).click();
  await expect(billing.balance).toHaveText('$12.34');
  await account.expectOneCharge(1_234);
});

test('what is typed as another amount is charged, though a button is still chosen', async ({
  account,
  billing,
  page,
}) => {
  await account.saveCard(visa);
  await page.goto('/billing?add=1');
  const form = page.getByRole('region', { name: 'Add to credit balance' });
  await form.getByLabel('Other amount').fill('7');
  await expect(form.getByLabel('$25', { exact: true })).toBeChecked();
  await expect(form.getByLabel('Other amount')).toHaveAccessibleDescription(
    'From $5.00 to $500.00. What stands here is charged, whichever button is chosen.',
  );
  await form.getByRole('button', { name: 'Add credit' }).click();
  await expect(billing.balance).toHaveText('$7.00');
  await account.expectOneCharge(700);
});

test('who wants to save a card is told in one sentence what it needs, and offered nothing else', async ({
  account,
  billing,
  page,
}) => {
  await account.saveCard(visa);
  await page.goto('/billing');
  await billing.methodsCard.getByRole('link', { name: 'Add payment method' }).click();
  await expect(page).toHaveURL(/\/billing\?add_card=1/);
  await expect(billing.methodsCard.getByRole('status')).toHaveText(
    "To save a card, switch script on in your browser and reload this page: the browser itself gives the card's number to the payment processor.",
  );
  await expect(page.getByRole('button', { name: 'Add credit' })).toHaveCount(0);
  // No field of the page could carry a card's number to the server.
  await expect(page.locator('[autocomplete^=cc-]')).toHaveCount(0);
});

test('who wants to pay with a new card is told what it needs, beside the saved ones', async ({
  account,
  page,
}) => {
  await account.saveCard(visa);
  await page.goto('/billing?add=1');
  const form = page.getByRole('region', { name: 'Add to credit balance' });
  await expect(form.getByText('A new card needs script')).toBeVisible();
  await expect(form.getByRole('radio', { name: 'Visa ···· 4242' })).toBeChecked();
  await expect(page.locator('[autocomplete^=cc-]')).toHaveCount(0);
});

test('an expired card is not offered', async ({ account, billing, page, processor }) => {
  await account.saveCard(visa);
  await account.saveCard(mastercard);
  const last = new Date();
  last.setUTCMonth(last.getUTCMonth() - 1, 1);
  const [year, month] = [last.getUTCFullYear(), last.getUTCMonth() + 1];
  await processor.replaceCards(account.organization.id, month, year);
  await expect(async () => {
    await page.goto('/billing');
    await expect(billing.methods.getByText('Expired')).toHaveCount(2, { timeout: 1_000 });
  }).toPass();
  await billing.addCredit.click();
  const form = page.getByRole('region', { name: 'Add to credit balance' });
  await expect(form).toContainText('Adding a card needs script');
  await expect(form.getByRole('radio')).toHaveCount(0);
});

test('the same form in two tabs is one charge', async ({ account, billing, context, page }) => {
  await account.saveCard(visa);
  await page.goto('/billing?add=1');
  const other = await context.newPage();
  await other.goto(page.url());
  const pay = (tab: typeof page): Promise<void> =>
    tab.getByRole('button', { name: 'Add credit' }).click();
  await Promise.all([pay(page), pay(other)]);
  for (const tab of [page, other]) {
    await expect(async () => {
      await tab.goto('/billing');
      await expect(new BillingPage(tab).balance).toHaveText('$25.00', { timeout: 500 });
    }).toPass();
  }
  await expect(billing.rows).toHaveCount(1);
  await account.expectOneCharge(2_500);
});

test('a declined card is said on the page and nothing is charged', async ({
  account,
  billing,
  page,
}) => {
  await account.saveCard(declinesLater);
  await page.goto('/billing?add=1');
  await page.getByRole('button', { name: 'Add credit' }).click();
  await expect(page.getByRole('alert')).toHaveText(
    'Your bank declined the card. Nothing was charged. Try another card or ask your bank.',
  );
  await expect(billing.balance).toHaveText('$0.00');
  await account.expectNothingCharged();
});

test('a double click on the button is one charge', async ({ account, billing, page }) => {
  await account.saveCard(visa);
  await page.goto('/billing?add=1');
  await page.getByRole('button', { name: 'Add credit' }).dblclick();
  await expect(billing.balance).toHaveText('$25.00');
  await account.expectOneCharge(2_500);
});

test('while the processor is silent the form keeps its payment: trying again charges once', async ({
  account,
  billing,
  processor,
  page,
}) => {
  await account.saveCard(visa);
  await processor.fallSilent('/v1/payment_intents');
  await page.goto('/billing?add=1');
  const id = page.getByRole('region', { name: 'Add to credit balance' }).locator('[name=id]');
  const before = await id.inputValue();
  await page.getByRole('button', { name: 'Add credit' }).click();
  await expect(page).toHaveURL(`/billing?top_up=${before}`);
  const notice = page.getByRole('main').getByRole('status').first();
  await expect(notice).toContainText('$25.00 is still processing, no need to pay again.');

  // Back leads to the same payment and not to a fresh form.
  await page.goBack();
  await expect(page).toHaveURL(`/billing?add=${before}`);
  await expect(notice).toContainText('no need to pay again');
  await expect(page.getByRole('button', { name: 'Add credit' })).toHaveCount(0);

  await processor.speakAgain();
  await expect(async () => {
    await page.reload();
    await expect(billing.balance).toHaveText('$25.00', { timeout: 500 });
  }).toPass();
  await account.expectOneCharge(2_500);
});

test('a payment that was not started is offered again under the same id', async ({
  account,
  billing,
  page,
}) => {
  await account.saveCard(visa);
  const id = '0193f6e7-7c1a-7000-8000-0123456789ab';
  await page.goto(`/billing?top_up=${id}`);
  await expect(page.getByRole('main').getByRole('status').first()).toHaveText(
    'The payment was not started. Nothing was charged.',
  );
  const form = page.getByRole('region', { name: 'Add to credit balance' });
  await expect(form.locator('[name=id]')).toHaveValue(id);
  await form.getByRole('button', { name: 'Add credit' }).click();
  await expect(billing.balance).toHaveText('$25.00');
  await account.expectOneCharge(2_500);
});

test('going back after paying finds what was paid, and no form to pay with again', async ({
  account,
  billing,
  page,
}) => {
  await account.saveCard(visa);
  await page.goto('/billing?add=1');
  await page.getByRole('button', { name: 'Add credit' }).click();
  await expect(billing.balance).toHaveText('$25.00');
  await page.goBack();
  await expect(page.getByRole('main').getByRole('status')).toHaveText(
    '$25.00 was added. Your balance is $25.00.',
  );
  await expect(page.getByRole('button', { name: 'Add credit' })).toHaveCount(0);
  await account.expectOneCharge(2_500);
});

test('an answer of the processor that was lost is waited for', async ({
  account,
  billing,
  page,
}) => {
  await account.saveCard(answerLostAfter);
  await page.goto('/billing?add=1');
  await page.getByRole('button', { name: 'Add credit' }).click();
  await expect(async () => {
    await page.reload();
    await expect(billing.balance).toHaveText('$25.00', { timeout: 500 });
  }).toPass({ timeout: 30_000 });
  await account.expectOneCharge(2_500);
});

test('whose session has ended signs in and finds the form as it was', async ({
  account,
  billing,
  signInPage,
  context,
  page,
}) => {
  await account.saveCard(visa);
  await account.saveCard(mastercard);
  await page.goto('/billing?add=1');
  const form = page.getByRole('region', { name: 'Add to credit balance' });
  await form.getByLabel('$100', { exact: true }).check();
  await form.getByRole('radio', { name: 'Mastercard' }).check();
  await context.clearCookies();
  await form.getByRole('button', { name: 'Add credit' }).click();
  await expect(signInPage.problem).toHaveText('Your session has ended. Sign in again.');
  await signInPage.signIn(account.organization.owner);
  await expect(form.getByLabel('$100', { exact: true })).toBeChecked();
  await expect(form.getByRole('radio', { name: 'Mastercard' })).toBeChecked();
  await form.getByRole('button', { name: 'Add credit' }).click();
  await expect(billing.balance).toHaveText('$100.00');
  await account.expectOneCharge(10_000);
});

test('a payment that the bank asks about can be confirmed, or given up', async ({
  account,
  billing,
  history,
  page,
}) => {
  await account.saveCard(asksAlways);
  await page.goto('/billing?add=1');
  await page.getByRole('button', { name: 'Add credit' }).click();
  const notice = page.getByRole('main').getByRole('status').first();
  await expect(notice).toContainText('Your bank wants you to confirm $25.00.');
  await notice.getByRole('button', { name: 'Cancel this payment' }).click();
  await expect(page.getByRole('alert')).toHaveText(
    'The payment was canceled. Nothing was charged.',
  );
  await account.expectNothingCharged();

  await page.goto('/billing?add=1');
  await page.getByRole('button', { name: 'Add credit' }).click();
  await page.goto('/billing/history');
  await history.rows.first().getByRole('link', { name: 'Confirm' }).click();
  const opened = page.waitForEvent('popup');
  await notice.getByRole('link', { name: 'Confirm at your bank' }).click();
  const bank = await opened;
  await bank.getByRole('button', { name: 'Approve' }).click();
  await notice.getByRole('link', { name: 'look again' }).click();
  await expect(billing.balance).toHaveText('$25.00');
});

test('an address with a slash too many leads to its page', async ({
  account: _signedIn,
  page,
}) => {
  await page.goto('/billing/');
  await expect(page).toHaveURL('/billing');
});

test('reloading the result is no second charge', async ({ account, billing, page }) => {
  await account.saveCard(visa);
  await page.goto('/billing?add=1');
  await page.getByRole('button', { name: 'Add credit' }).click();
  await expect(billing.balance).toHaveText('$25.00');
  await page.reload();
  await expect(billing.balance).toHaveText('$25.00');
  await account.expectOneCharge(2_500);
});

test('without a saved card the page says what adding one needs', async ({
  account: _signedIn,
  page,
}) => {
  await page.goto('/billing?add=1');
  const form = page.getByRole('region', { name: 'Add to credit balance' });
  await expect(form).toContainText('Adding a card needs script');
  await expect(form.getByRole('button')).toHaveCount(0);
});

test('a card is removed after a question on the page', async ({ account, billing, page }) => {
  await account.saveCard(visa);
  await page.goto('/billing');
  await billing.methodsCard.getByLabel('Change Visa ···· 4242').click();
  await billing.methodsCard.getByRole('link', { name: 'Remove' }).click();
  await billing.methodsCard.getByRole('button', { name: 'Remove card' }).click();
  await expect(billing.methods).toHaveCount(0);
});

test('older rows are a page further', async ({ account, history, page }) => {
  const card = await account.saveCard(visa);
  for (let amount = 5; amount < 32; amount += 1) {
    await account.addCredit(`${amount}.00`, card);
  }
  await page.goto('/billing/history');
  await expect(history.rows).toHaveCount(25);
  await history.loadMore.click();
  await expect(history.rows.getByRole('cell', { name: '+$' })).toHaveText(['+$6.00', '+$5.00']);
  await history.newest.click();
  await expect(history.rows).toHaveCount(25);
  await expect(history.newest).toBeHidden();
});

test('the theme is switched by a form', async ({ account: _signedIn, page }) => {
  await page.goto('/billing');
  await page.getByRole('button', { name: 'Light theme' }).click();
  await expect(page.getByRole('button', { name: 'Light theme', pressed: true })).toBeVisible();
  await expect(page).toHaveURL('/billing');
});
