import { randomUUID } from 'node:crypto';

import { visa } from '../support/cards.ts';
import { ONE_REQUEST } from '../support/organization.ts';
import { cellsOf } from '../support/pages/history.ts';
import { expect, test } from '../support/test.ts';

test('a reported request lowers the balance by its exact price', async ({
  account,
  billing,
  history,
}) => {
  await account.addCredit('25.00', await account.saveCard(visa));
  await billing.open();
  await expect(billing.balance).toHaveText('$25.00');
  await expect(billing.exactBalance).toBeHidden();

  const gateway = await account.gateway();
  await gateway.report({ id: randomUUID(), ...ONE_REQUEST });
  expect(await gateway.balance()).toBe('24.9999568');
  await billing.open();
  // Never more than there is, and every digit beside it.
  await expect(billing.balance).toHaveText('$24.99');
  await expect(billing.exactBalance).toHaveText('$24.9999568');

  // Never `$0.00`: it cost something.
  await expect(billing.rows).toHaveCount(2);
  await history.open();
  const usage = cellsOf(history.rows.filter({ hasText: 'Usage · Default' }));
  // The row's time is the day's first request: the words say that it is of the whole day.
  await expect(usage.description).toContainText(`1 request, 156 tokens on ${utcDay()} (UTC)`);
  await expect(usage.amount).toContainText('-$0.000043');
  await expect(usage.amount.getByTitle('-$0.0000432', { exact: true })).toBeVisible();
  await expect(usage.status).toHaveText('Usage');
});

test('the same event again is counted once', async ({ account, billing }) => {
  await account.addCredit('5.00', await account.saveCard(visa));
  const gateway = await account.gateway();
  const request = { id: randomUUID(), ...ONE_REQUEST };
  for (let time = 0; time < 3; time += 1) {
    await gateway.report(request);
  }
  expect(await gateway.balance()).toBe('4.9999568');
  await billing.open();
  await expect(billing.exactBalance).toHaveText('$4.9999568');
  await expect(billing.rows.filter({ hasText: 'Usage' })).toContainText('1 request,');
});

test('the requests of a day stand in one row', async ({ account, billing }) => {
  await account.addCredit('10.00', await account.saveCard(visa));
  const gateway = await account.gateway();
  const million = { model: 'gpt-oss-120b', inputTokens: 1_000_000, outputTokens: 1_000_000 };
  await gateway.report({ id: randomUUID(), ...million });
  await gateway.report({ id: randomUUID(), ...million });
  await billing.open();
  await expect(billing.balance).toHaveText('$8.50');
  const usage = billing.rows.filter({ hasText: 'Usage' });
  await expect(usage).toHaveCount(1);
  await expect(usage).toContainText('2 requests, 4,000,000 tokens');
  await expect(cellsOf(usage).amount).toContainText('-$1.50');
});

test('what was used without credit is owed, shown, and settled by the next top-up', async ({
  account,
  billing,
}) => {
  const gateway = await account.gateway();
  await account.saveCard(visa);
  await gateway.report({ id: randomUUID(), ...ONE_REQUEST });
  await billing.open();
  await expect(billing.balance).toContainText('minus');
  await expect(billing.exactBalance).toHaveText('-$0.0000432');
  await expect(billing.balanceCard.getByText('Owed, settled by your next top-up')).toBeVisible();

  const dialog = await billing.openDialog();
  await dialog.preset('$10').click();
  await dialog.confirm.click();
  await dialog.done.click();
  await expect(billing.exactBalance).toHaveText('$9.9999568');
  await expect(billing.balanceCard.getByText('Owed')).toBeHidden();
});

test('what is said to settle what is owed is offered and settles it', async ({
  account,
  billing,
}) => {
  const gateway = await account.gateway();
  await account.saveCard(visa);
  const millions = { model: 'gpt-oss-120b', inputTokens: 7_000_000, outputTokens: 7_000_000 };
  await gateway.report({ id: randomUUID(), ...millions });
  await gateway.report({ id: randomUUID(), ...ONE_REQUEST });
  await billing.open();
  await expect(billing.exactBalance).toHaveText('-$5.2500432');
  const owed = billing.balanceCard.locator('dl').getByText('Owed').locator('..');
  // $5.25 would leave a part of a cent.
  await expect(owed).toHaveText('Owed, settled by adding$5.26');

  const dialog = await billing.openDialog();
  await expect(dialog.amount).toHaveValue('5.26');
  await dialog.confirm.click();
  await dialog.done.click();
  await expect(billing.exactBalance).toHaveText('$0.0099568');
  await expect(billing.balanceCard.getByText('Owed')).toBeHidden();
  expect((await account.charges()).map(({ amount }) => amount)).toEqual([526]);
});

/** Today as the pages write it: `Nov 23`. */
function utcDay(): string {
  return new Date().toLocaleDateString('en-US', { month: 'short', day: 'numeric', timeZone: 'UTC' });
}
