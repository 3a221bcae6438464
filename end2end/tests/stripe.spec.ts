/** With Stripe's keys, Stripe's own fields take the card. */
import { asksAlways, declined, visa } from '../support/cards.ts';
import { hydrated } from '../support/hydration.ts';
import { STRIPE_KEY } from '../support/processor.ts';
import { expect, test } from '../support/stripe.ts';

test("a new card is entered into Stripe's Payment Element and charged once", async ({
  account,
  billing,
  page,
  stripe,
}) => {
  const sent: string[] = [];
  page.on('request', (request) => sent.push(request.postData() ?? ''));
  const dialog = await billing.openDialog();
  await expect(stripe.field).toBeVisible();
  await expect(dialog.card.number).toHaveCount(0);
  await expect(dialog.root).toContainText('Secure, fast checkout with Link.');
  expect((await stripe.calls()).map(([name]) => name).slice(0, 4)).toEqual([
    'Stripe',
    'elements',
    'create',
    'mount',
  ]);
  expect(await stripe.last('Stripe')).toEqual([STRIPE_KEY]);
  expect(await stripe.last('elements')).toEqual([
    {
      mode: 'payment',
      amount: 2_500,
      currency: 'usd',
      paymentMethodTypes: ['card', 'link'],
      setupFutureUsage: 'off_session',
      paymentMethodCreation: 'manual',
      appearance: {
        theme: 'night',
        variables: expect.objectContaining({ colorText: 'rgb(238, 243, 240)' }),
      },
    },
  ]);
  expect((await stripe.last('create'))[0]).toBe('payment');

  await dialog.preset('$50').click();
  expect(await stripe.last('update')).toEqual([{ amount: 5_000 }]);
  await stripe.enter(visa);
  await dialog.confirm.click();
  await expect(dialog.status).toHaveText('$50.00 was added to your balance');
  expect(await stripe.last('createPaymentMethod')).toEqual(['function', {}]);
  // The fields have gone, and with them what was entered.
  expect((await stripe.calls()).map(([name]) => name).at(-1)).toBe('destroy');
  expect(sent.filter((body) => body.includes(visa.number))).toEqual([]);
  await account.expectOneCharge(5_000);
  await dialog.done.click();
  await expect(billing.methods).toContainText('Visa ···· 4242');
});

test('in the light, the fields are light', async ({ billing, page, stripe }) => {
  await page.emulateMedia({ colorScheme: 'light' });
  await billing.openDialog();
  await expect(stripe.field).toBeVisible();
  expect(await stripe.last('elements')).toEqual([
    expect.objectContaining({ appearance: expect.objectContaining({ theme: 'stripe' }) }),
  ]);
});

test('what is missing is said by the fields themselves, and nothing is asked', async ({
  account,
  billing,
  stripe,
}) => {
  const dialog = await billing.openDialog();
  await expect(stripe.field).toBeVisible();
  await dialog.confirm.click();
  await expect.poll(async () => (await stripe.calls()).map(([name]) => name).at(-1)).toBe('focus');
  await expect(dialog.confirm).toBeEnabled();
  await expect(dialog.problem).toBeHidden();
  expect(await stripe.last('createPaymentMethod')).toEqual([]);
  await account.expectNothingCharged();
});

test('what Stripe says of the card stands above the button, and another try may go through', async ({
  account,
  billing,
  stripe,
}) => {
  const dialog = await billing.openDialog();
  await stripe.enter(visa);
  stripe.refusal = { type: 'card_error', message: 'Your card number is invalid.' };
  await dialog.confirm.click();
  await expect(dialog.problem).toHaveText('Your card number is invalid.');
  await expect(stripe.field).toHaveValue(visa.number);
  stripe.refusal = undefined;
  stripe.card = declined;
  await dialog.confirm.click();
  await expect(dialog.problem).toContainText('Your bank declined the card. Nothing was charged.');
  // A declined card is not taken out of the fields.
  await expect(stripe.field).toHaveValue(visa.number);
  stripe.card = visa;
  await dialog.confirm.click();
  await expect(dialog.status).toHaveText('$25.00 was added to your balance');
  expect(await account.balance()).toBe('25.00');
});

test('where the script does not load it is said, and it can be tried again', async ({
  account,
  billing,
  complaints,
  page,
  stripe,
}) => {
  complaints.expect(/net::ERR_FAILED .*js\.stripe\.com/);
  let isDown = true;
  await page.route('https://js.stripe.com/**', (route) =>
    isDown ? route.abort() : route.fallback(),
  );
  const dialog = await billing.openDialog();
  await expect(dialog.problem).toContainText('Stripe, did not load. Nothing was charged.');
  await account.expectNothingCharged();
  isDown = false;
  await dialog.root.getByRole('button', { name: 'Try again' }).click();
  await expect(dialog.problem).toBeHidden();
  await stripe.enter(visa);
  await dialog.confirm.click();
  await expect(dialog.status).toHaveText('$25.00 was added to your balance');
});

test('where the fields do not come though the script did it is said, and can be tried again', async ({
  account,
  billing,
  stripe,
}) => {
  stripe.fault = 'The fields are out of order.';
  const dialog = await billing.openDialog();
  await expect(dialog.problem).toContainText('Stripe, did not load. Nothing was charged.');
  await expect(stripe.field).toBeHidden();
  await account.expectNothingCharged();
  stripe.fault = undefined;
  await dialog.root.getByRole('button', { name: 'Try again' }).click();
  await expect(dialog.problem).toBeHidden();
  await stripe.enter(visa);
  await dialog.confirm.click();
  await expect(dialog.status).toHaveText('$25.00 was added to your balance');
  await account.expectOneCharge(2_500);
});

test("a bank's page stands in a frame from Stripe's address, as the policy lets it", async ({
  account,
  billing,
  page,
  processor,
  stripe,
}) => {
  let bank = '';
  await stripe.changeBankPage('https://hooks.stripe.com/3d_secure_2/hosted', (url) => {
    bank = url;
  });
  await page.route('https://hooks.stripe.com/**', (route) =>
    route.fulfill({ contentType: 'text/html', body: '<p>Your bank asks.</p>' }),
  );
  const dialog = await billing.openDialog();
  await stripe.enter(asksAlways);
  await dialog.confirm.click();
  await expect(dialog.bank.getByText('Your bank asks.')).toBeVisible();
  await account.expectNothingCharged();
  await processor.approve(bank);
  await expect(dialog.status).toHaveText('$25.00 was added to your balance');
  expect(await stripe.last('handleNextAction')).toEqual([]);
  await account.expectOneCharge(2_500);
});

test('a card is saved by fields that charge nothing', async ({
  account,
  billing,
  page,
  stripe,
}) => {
  await billing.open();
  await billing.methodsCard.getByRole('link', { name: 'Add payment method' }).click();
  await stripe.enter(visa);
  expect(await stripe.last('elements')).toEqual([
    expect.objectContaining({
      mode: 'setup',
      currency: 'usd',
      paymentMethodTypes: ['card'],
      paymentMethodCreation: 'manual',
    }),
  ]);
  const dialog = page.getByRole('dialog', { name: 'Add payment method' });
  await expect(dialog).toContainText('Card details go straight to Stripe');
  await expect(dialog).not.toContainText('Link');
  await page.getByRole('button', { name: 'Save card' }).click();
  await expect(billing.methods).toContainText('Visa ···· 4242');
  expect(await account.charges()).toEqual([]);
});

test('reached from another page, the fields stand all the same', async ({
  billing,
  page,
  stripe,
}) => {
  await page.goto('/models');
  await hydrated(page);
  await page.getByRole('navigation', { name: 'Main' }).getByRole('link', { name: 'Billing' }).click();
  await expect(page.locator('html[data-stripe="here"]')).toBeAttached();
  await hydrated(page);
  await billing.addCredit.click();
  await expect(stripe.field).toBeVisible();
  await page.goBack();
  await expect(page).toHaveURL('/models');
});

test('a page that does not pay is never in a document that lets the script run', async ({
  billing,
  history,
  page,
}) => {
  const here = page.locator('html[data-stripe="here"]');
  const elsewhere = page.locator('html[data-stripe="elsewhere"]');
  await billing.open();
  await expect(here).toBeAttached();
  await billing.historyCard.getByRole('link', { name: 'View past and current invoices' }).click();
  await expect(history.heading).toBeVisible();
  await expect(elsewhere).toBeAttached();
  await hydrated(page);
  await history.back.click();
  await expect(here).toBeAttached();
  await hydrated(page);
  await page.goBack();
  await expect(history.heading).toBeVisible();
  await expect(elsewhere).toBeAttached();
  await hydrated(page);
  await page.goBack();
  await expect(billing.heading).toBeVisible();
  await expect(here).toBeAttached();
});

test('with a saved card nothing of Stripe is loaded', async ({ account, billing, page, stripe }) => {
  const asked: string[] = [];
  page.on('request', (request) => asked.push(new URL(request.url()).host));
  await account.saveCard(visa);
  const dialog = await billing.openDialog();
  await dialog.confirm.click();
  await expect(dialog.status).toHaveText('$25.00 was added to your balance');
  expect(asked.filter((host) => host.includes('stripe'))).toEqual([]);
  expect(await stripe.calls()).toEqual([]);
  await account.expectOneCharge(2_500);
});
