import { visa } from '../support/cards.ts';
import { expect, test } from '../support/test.ts';

const MAY_NOT = [
  { role: 'member', label: 'Member' },
  { role: 'finance', label: 'Finance (read only)' },
] as const;

for (const { role, label } of MAY_NOT) {
  test(`a ${role} sees the money and why there is no button`, async ({
    account,
    billing,
    page,
  }) => {
    await account.addCredit('25.00', await account.saveCard(visa));
    await account.signIn(await account.organization.add(role));
    await billing.open();
    await expect(billing.balance).toHaveText('$25.00');
    await expect(billing.rows).toHaveCount(1);
    await expect(billing.methods).toContainText('Visa ···· 4242');

    await expect(billing.addCredit).toBeHidden();
    await expect(billing.balanceCard).toContainText(
      `Owners and billing admins add credit. You are signed in as ${label}.`,
    );
    await expect(billing.methodsCard).toContainText(
      'Owners and billing admins change payment methods.',
    );
    await expect(billing.methodsCard.getByRole('link')).toHaveCount(0);
    await expect(billing.methodsCard.getByLabel('Change Visa ···· 4242')).toHaveCount(0);

    // The address that a form without script uses opens nothing either.
    await page.goto('/billing?add=1');
    await expect(billing.heading).toBeVisible();
    await expect(page.getByRole('heading', { name: 'Add to credit balance' })).toHaveCount(0);
  });
}

test('a billing admin adds credit', async ({ account, billing }) => {
  await account.saveCard(visa);
  await account.signIn(await account.organization.add('billing-admin'));
  const dialog = await billing.openDialog();
  await dialog.confirm.click();
  await expect(dialog.status).toHaveText('$25.00 was added to your balance');
  await account.expectOneCharge(2_500);
});

test('another organization sees nothing of this one', async ({
  account,
  billing,
  server,
  context,
}) => {
  await account.addCredit('25.00', await account.saveCard(visa));
  const { email, password } = server.seeded;
  await context.clearCookies();
  await account.signIn({ email, password });
  await billing.open();
  await expect(billing.balance).toHaveText('$0.00');
  await expect(billing.rows).toHaveCount(0);
  // Its own card, from the seed.
  await expect(billing.methods).toHaveCount(1);
});
