import { gate } from '../support/gate.ts';
import { hydrated } from '../support/hydration.ts';
import { rowsOf } from '../support/pages/history.ts';
import { expect, test } from '../support/test.ts';

test('every model stands there with its prices, and a search finds by name and task', async ({
  billing,
  page,
}) => {
  await billing.open();
  await billing.planCard.getByRole('link', { name: 'All models and prices' }).click();
  await expect(page.getByRole('heading', { name: 'Models', level: 1 })).toBeFocused();
  await expect(page).toHaveTitle('Models · ZeroGPU Billing');

  const rows = rowsOf(page.getByRole('table', { name: 'Models and their prices' }));
  await expect(rows).toHaveCount(18);
  const model = rows.filter({ has: page.getByRole('rowheader', { name: 'gpt-oss-120b' }) });
  await expect(model).toContainText('$0.15');
  await expect(model).toContainText('$0.60');

  const search = page.getByRole('searchbox', { name: 'Search models' });
  await search.fill('GPT-OSS');
  await expect(rows.getByRole('rowheader').first()).toContainText('gpt-oss');
  await expect(page.getByRole('status')).toHaveText(/^\d+ of 18 models$/);
  await search.fill('no such model');
  await expect(rows).toHaveCount(0);
  await expect(page.getByText('No model has that in its name or task.')).toBeVisible();
  await search.clear();
  await expect(rows).toHaveCount(18);
});

test('the plan names the lowest prices', async ({ billing }) => {
  await billing.open();
  await expect(billing.planCard).toContainText('Pay as you go');
  const lowest = billing.planCard.getByRole('table').filter({ hasText: 'Lowest prices' });
  await expect(rowsOf(lowest)).toHaveCount(3);
  await expect(billing.planCard.getByText('Your most used')).toBeHidden();
});

test('what is typed into the search before the page is taken over is not lost', async ({
  account: _signedIn,
  page,
}) => {
  const [typed, takeOver] = gate();
  await page.route('**/*.wasm', async (route) => {
    await typed;
    await route.continue();
  });
  await page.goto('/models');
  await page.getByRole('searchbox', { name: 'Search models' }).fill('gpt-oss');
  takeOver();
  await hydrated(page);
  await expect(page.getByRole('searchbox', { name: 'Search models' })).toHaveValue('gpt-oss');
  await expect(page.getByRole('status')).toHaveText(/^\d+ of 18 models$/);
});
