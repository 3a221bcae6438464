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

test('who is in one organization alone has nothing to choose', async ({ billing, page }) => {
  await billing.open();
  const sidebar = page.getByRole('complementary', { name: 'Workspace' });
  await expect(sidebar.getByText('Northwind Robotics')).toBeVisible();
  await expect(sidebar.getByRole('group').filter({ hasText: 'Northwind' })).toHaveCount(0);
});
