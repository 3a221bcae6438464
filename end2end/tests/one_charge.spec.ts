/**
 * However often it is clicked and whatever is lost on the way: the processor is asked for the
 * money once, and the ledger has it once.
 */
import type { Request } from '@playwright/test';

import {
  answerLostAfter,
  answerLostBefore,
  decidesLater,
  declined,
  visa,
} from '../support/cards.ts';
import { hydrated } from '../support/hydration.ts';
import { holdAnswers, START, starts, submitTwice } from '../support/sending.ts';
import { expect, test } from '../support/test.ts';

test('a double click on the confirm button is one charge', async ({ account, billing, page }) => {
  await account.saveCard(visa);
  const sent = starts(page);
  const dialog = await billing.openDialog();
  await dialog.confirm.dblclick();
  await expect(dialog.status).toHaveText('$25.00 was added to your balance');
  expect(sent).toHaveLength(1);
  await account.expectOneCharge(2_500);
});

test('two submits in one turn are one charge, though no button is disabled yet', async ({
  account,
  billing,
  page,
}) => {
  await account.saveCard(visa);
  const sent = starts(page);
  const dialog = await billing.openDialog();
  await submitTwice(dialog.root);
  await expect(dialog.status).toHaveText('$25.00 was added to your balance');
  expect(sent).toHaveLength(1);
  await account.expectOneCharge(2_500);
});

test('clicks while the bank is asked do nothing more', async ({ account, billing, page }) => {
  const sent = starts(page);
  const dialog = await billing.openDialog();
  const { arrived, release } = await holdAnswers(page);
  await dialog.pay(visa);
  await arrived;
  await expect(dialog.confirm).toBeDisabled();
  // Past the button's own refusal: Enter in a field submits the form, too.
  await dialog.amount.press('Enter');
  await dialog.confirm.dispatchEvent('click');
  await expect(dialog.root.getByText('Confirming with your bank…')).toBeVisible();
  release();
  await expect(dialog.status).toHaveText('$25.00 was added to your balance');
  expect(sent).toHaveLength(1);
  await account.expectOneCharge(2_500);
});

test('a reload before the answer comes is one charge, and the answer is shown', async ({
  account,
  billing,
  page,
}) => {
  const sent = starts(page);
  const dialog = await billing.openDialog();
  const { arrived, release } = await holdAnswers(page);
  await dialog.amount.fill('40');
  await dialog.pay(visa);
  await arrived;

  await page.reload();
  await expect(dialog.status).toHaveText('$40.00 was added to your balance');
  release();
  await dialog.done.click();
  await expect(billing.balance).toHaveText('$40.00');
  expect(sent).toHaveLength(1);
  await account.expectOneCharge(4_000);

  // It is over: the next reload finds no attempt to go on with.
  await page.reload();
  await hydrated(page);
  await expect(dialog.root).toBeHidden();
});

test('closing the tab in the middle loses no money and no credit', async ({
  account,
  billing,
  context,
  page,
}) => {
  await account.saveCard(visa);
  const dialog = await billing.openDialog();
  const { arrived, release } = await holdAnswers(page);
  await dialog.confirm.click();
  await arrived;
  await page.close();
  release();

  const later = await context.newPage();
  await later.goto('/billing');
  await expect(later.getByRole('region', { name: 'Credit balance' })).toContainText('$25.00');
  await account.expectOneCharge(2_500);
});

test('an answer that is lost between us and the browser is asked for again', async ({
  account,
  billing,
  complaints,
  page,
}) => {
  complaints.expect(/net::ERR_CONNECTION_RESET .*\/api\/start_top_up/);
  const sent = starts(page);
  const dialog = await billing.openDialog();
  await page.route(START, async (route) => {
    await route.fetch();
    await route.abort('connectionreset');
  });
  await dialog.pay(visa);
  await expect(dialog.status).toHaveText('$25.00 was added to your balance');
  expect(sent).toHaveLength(1);
  await account.expectOneCharge(2_500);
});

/** The ids under which starts were sent, each once. */
function idsOf(sent: Request[]): (string | null)[] {
  const ids = sent.map((request) => new URLSearchParams(request.postData() ?? '').get('id'));
  return [...new Set(ids)];
}

test('a request that did not arrive is sent again by itself, as the same payment', async ({
  account,
  billing,
  complaints,
  page,
}) => {
  complaints.expect(/net::ERR_CONNECTION_REFUSED .*\/api\/start_top_up/);
  const sent = starts(page);
  const dialog = await billing.openDialog();
  await page.route(START, (route) => route.abort('connectionrefused'), { times: 1 });
  await dialog.pay(visa);
  await expect(dialog.status).toHaveText('$25.00 was added to your balance');
  expect(sent).toHaveLength(2);
  expect(idsOf(sent)).toHaveLength(1);
  await account.expectOneCharge(2_500);
});

test('a request that never reached us is said, and trying again is one charge', async ({
  account,
  billing,
  complaints,
  page,
}) => {
  complaints.expect(/net::ERR_CONNECTION_REFUSED .*\/api\/start_top_up/);
  const sent = starts(page);
  await page.clock.install();
  const dialog = await billing.openDialog();
  await page.route(START, (route) => route.abort('connectionrefused'));
  await dialog.pay(visa);
  // While the server may still be at work on it nobody says that nothing was charged.
  await expect(dialog.status).toContainText('Waiting to hear from the server');
  await expect(dialog.status).toContainText('It cannot be charged twice.');
  await page.clock.fastForward('00:40');
  await expect(dialog.problem).toHaveText(
    'The payment was not started. Nothing was charged. Try again.',
  );
  await expect(dialog.card.number).toHaveValue('4242 4242 4242 4242');
  await account.expectNothingCharged();

  // A reload finds no attempt to wait for, and still the same id.
  await page.unroute(START);
  await page.reload();
  await hydrated(page);
  await expect(dialog.root).toBeHidden();
  await billing.addCredit.click();
  await dialog.pay(visa);
  await expect(dialog.status).toHaveText('$25.00 was added to your balance');
  // Had one of them arrived late after all, its id would have made it the same payment.
  expect(idsOf(sent)).toHaveLength(1);
  await account.expectOneCharge(2_500);
});

for (const [what, card] of [
  ['after the money was taken', answerLostAfter],
  ['before anything happened', answerLostBefore],
] as const) {
  test(`an answer of the processor lost ${what} is one charge`, async ({ account, billing }) => {
    const dialog = await billing.openDialog();
    await dialog.pay(card);
    // The server asks the processor again by itself; a person only has to wait.
    await expect(dialog.status).toHaveText('$25.00 was added to your balance', {
      timeout: 30_000,
    });
    await dialog.done.click();
    await expect(billing.balance).toHaveText('$25.00');
    await account.expectOneCharge(2_500);
  });
}

test('a bank that takes its time is waited for, with the dialog closed too', async ({
  account,
  billing,
  processor,
}) => {
  const dialog = await billing.openDialog();
  await dialog.pay(decidesLater);
  await expect(dialog.root.getByText('Still processing, no need to pay again.')).toBeVisible();
  await dialog.root.getByText('Close', { exact: true }).click();
  await expect(billing.balance).toHaveText('$0.00');
  await expect(billing.rows).toContainText('Processing');

  // Opening it again goes on with the same payment: there is no second form to pay with.
  await billing.addCredit.click();
  await expect(dialog.confirm).toBeHidden();
  await processor.advance(15);
  await expect(dialog.status).toHaveText('$25.00 was added to your balance');
  await expect(billing.balance).toHaveText('$25.00');
  await account.expectOneCharge(2_500);
});

test('what came of it while the dialog was closed is told on the page', async ({
  billing,
  processor,
  page,
}) => {
  const dialog = await billing.openDialog();
  await dialog.pay(decidesLater);
  await dialog.root.getByText('Close', { exact: true }).click();
  await processor.advance(15);
  await expect(page.getByRole('main').getByRole('status')).toHaveText(
    '$25.00 was added. Your balance is $25.00.',
  );
  await expect(billing.balance).toHaveText('$25.00');
  // The dialog has told nothing and asks afresh.
  await billing.addCredit.click();
  await expect(dialog.amount).toHaveValue('25.00');
  await expect(page.getByText('was added')).toBeHidden();
});

test('a decline while the dialog was closed is told on the page and in the dialog', async ({
  account,
  billing,
  page,
}) => {
  const bankSaidNo =
    'Your bank declined the card. Nothing was charged. Try another card or ask your bank.';
  const dialog = await billing.openDialog();
  const { arrived, release } = await holdAnswers(page);
  await dialog.amount.fill('33');
  await dialog.pay(declined);
  await arrived;
  await page.keyboard.press('Escape');
  await expect(dialog.root).toBeHidden();
  release();
  await expect(page.getByRole('alert')).toHaveText(bankSaidNo);

  await billing.addCredit.click();
  await expect(dialog.problem).toHaveText(bankSaidNo);
  await expect(dialog.amount).toHaveValue('33');
  await expect(dialog.card.number).toHaveValue('4000 0000 0000 0002');
  await account.expectNothingCharged();
});

test('a page that was forgotten stops asking, and looks again when it is told to', async ({
  account,
  billing,
  processor,
  page,
}) => {
  await page.clock.install();
  const dialog = await billing.openDialog();
  await dialog.pay(decidesLater);
  await expect(dialog.root.getByText('Still processing, no need to pay again.')).toBeVisible();
  await expect(dialog.lookAgain).toBeHidden();
  // It has begun to ask.
  await page.waitForResponse('**/api/top_up_status');
  await page.clock.fastForward('01:01:00');
  await expect(dialog.lookAgain).toBeVisible();
  await processor.advance(15);
  await dialog.lookAgain.click();
  await expect(dialog.status).toHaveText('$25.00 was added to your balance');
  await account.expectOneCharge(2_500);
});
