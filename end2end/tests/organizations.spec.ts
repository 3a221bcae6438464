/**
 * A person in two organizations.
 */
import { visa } from '../support/cards.ts';
import { Organization } from '../support/organization.ts';
import { expect, test } from '../support/test.ts';

for (const javaScriptEnabled of [true, false]) {
  test.describe(javaScriptEnabled ? 'with script' : 'without script', () => {
    test.use({ javaScriptEnabled });

    test('the sidebar leads from one organization to the other and back', async ({
      account,
      server,
      page,
    }) => {
      await account.addCredit('25.00', await account.saveCard(visa));
      const other = await Organization.make(server, 'Southwind Mills');
      await other.join(account.organization.owner, 'member');
      await page.goto('/billing');
      const balance = page.getByRole('region', { name: 'Credit balance' });
      await expect(balance).toContainText('$25.00');

      const sidebar = page.getByRole('complementary', { name: 'Workspace' });
      await sidebar.getByText('Northwind Robotics').click();
      await sidebar.getByRole('button', { name: 'Southwind Mills' }).click();
      await expect(page).toHaveURL('/billing');
      await expect(balance).toContainText('$0.00');
      await expect(balance).toContainText('You are signed in as Member.');

      await sidebar.getByText('Southwind Mills').click();
      await sidebar.getByRole('button', { name: 'Northwind Robotics' }).click();
      await expect(balance).toContainText('$25.00');
    });
  });
}

test('a tab that still shows the first organization neither pays for the other nor shows it', async ({
  account,
  billing,
  complaints,
  context,
  server,
  page,
}) => {
  complaints.expect(/status of 409/);
  const other = await Organization.make(server, 'Southwind Mills');
  await other.join(account.organization.owner, 'owner');
  const dialog = await billing.openDialog();
  const elsewhere = await context.newPage();
  await elsewhere.goto('/billing');
  const sidebar = elsewhere.getByRole('complementary', { name: 'Workspace' });
  await sidebar.getByText('Northwind Robotics').click();
  await sidebar.getByRole('button', { name: 'Southwind Mills' }).click();
  await expect(sidebar.getByTitle('Southwind Mills')).toBeVisible();

  await page.bringToFront();
  await dialog.pay(visa);
  await expect(dialog.problem).toContainText(
    'You went on to another organization in another tab. Reload this page to follow.',
  );
  await expect(dialog.card.number).toHaveValue('4242 4242 4242 4242');
  await account.expectNothingCharged();
  expect(await account.processor.charges(other.id)).toEqual([]);

  await dialog.close.click();
  await billing.historyCard.getByRole('link', { name: 'View past and current invoices' }).click();
  const alert = page.getByRole('alert');
  await expect(alert).toContainText('This page is out of date');
  await alert.getByText('Reload', { exact: true }).click();
  await expect(page.getByTitle('Southwind Mills')).toBeVisible();
  await expect(page.getByRole('heading', { name: 'No billing history yet' })).toBeVisible();
});

test('a payment is not called lost by a tab whose organization was left meanwhile', async ({
  account,
  billing,
  complaints,
  context,
  server,
  page,
}) => {
  complaints.expect(/status of 409/);
  complaints.expect(/net::ERR_CONNECTION_RESET .*\/api\/start_top_up/);
  const other = await Organization.make(server, 'Southwind Mills');
  await other.join(account.organization.owner, 'owner');
  const goTo = (id: string) => context.request.post('/api/switch_organization', { form: { id } });
  const dialog = await billing.openDialog();
  await page.route(
    '**/api/start_top_up',
    async (route) => {
      await route.fetch();
      await goTo(other.id);
      await route.abort('connectionreset');
    },
    { times: 1 },
  );
  await dialog.pay(visa);
  await expect(dialog.problem).toContainText('You went on to another organization');

  await goTo(account.organization.id);
  await dialog.problem.getByRole('link', { name: 'Reload' }).click();
  await expect(dialog.status).toHaveText('$25.00 was added to your balance');
  await account.expectOneCharge(2_500);
});

test('who is in one organization alone has nothing to choose', async ({ billing, page }) => {
  await billing.open();
  const sidebar = page.getByRole('complementary', { name: 'Workspace' });
  await expect(sidebar.getByText('Northwind Robotics')).toBeVisible();
  await expect(sidebar.getByRole('group').filter({ hasText: 'Northwind' })).toHaveCount(0);
});
