import { hydrated } from '../support/hydration.ts';
import { stranger } from '../support/organization.ts';
import { BillingPage } from '../support/pages/billing.ts';
import { HistoryPage } from '../support/pages/history.ts';
import { expect, test } from '../support/test.ts';

test('the right password leads to Billing', async ({ signInPage, organization, page }) => {
  await signInPage.open();
  await signInPage.signIn(organization.owner);
  await expect(new BillingPage(page).heading).toBeVisible();
  await expect(page).toHaveURL('/billing');
  await expect(page).toHaveTitle('Billing · ZeroGPU Billing');
});

test.describe('when it is refused', () => {
  test.beforeEach(({ complaints }) => {
    complaints.expect(/status of 400/);
  });

  test('a wrong password is said at the form and the email stays', async ({
    signInPage,
    organization,
    page,
  }) => {
    await signInPage.open();
    await hydrated(page);
    await signInPage.signIn({ ...organization.owner, password: 'not-the-password' });
    await expect(signInPage.problem).toHaveText('The email or password is incorrect.');
    await expect(signInPage.problem).toBeFocused();
    await expect(signInPage.email).toHaveValue(organization.owner.email);
    await expect(page).toHaveURL(/\/login/);

    await signInPage.password.fill(organization.owner.password);
    await signInPage.submit.click();
    await expect(page).toHaveURL('/billing');
  });

  test('an unknown address reads the same as a wrong password', async ({ signInPage, page }) => {
    await signInPage.open();
    await hydrated(page);
    await signInPage.signIn(stranger());
    await expect(signInPage.problem).toHaveText('The email or password is incorrect.');
  });
});

test('a page that was asked for signed out comes after signing in', async ({
  signInPage,
  organization,
  page,
}) => {
  await page.goto('/billing/history');
  await expect(signInPage.heading).toBeVisible();
  await signInPage.signIn(organization.owner);
  await expect(new HistoryPage(page).heading).toBeVisible();
  await expect(page).toHaveURL('/billing/history');
});

test('after signing in nobody is led to another site', async ({
  signInPage,
  organization,
  page,
}) => {
  await page.goto('/login?next=https%3A%2F%2Fevil.example%2F');
  await signInPage.signIn(organization.owner);
  await expect(new BillingPage(page).heading).toBeVisible();
  await expect(page).toHaveURL('/billing');
});

test('signing out closes every page, the ones behind Back too', async ({
  account,
  billing,
  signInPage,
  page,
}) => {
  await billing.open();
  await expect(page.getByText(account.organization.owner.email)).toBeVisible();
  await page.getByRole('button', { name: 'Sign out' }).click();
  await expect(signInPage.heading).toBeVisible();

  await page.goBack();
  await expect(signInPage.heading).toBeVisible();
  await page.goto('/billing');
  await expect(signInPage.heading).toBeVisible();
  await expect(page).toHaveURL('/login?next=%2Fbilling');
});

test('the keyboard alone signs in', async ({ signInPage, organization, page }) => {
  await signInPage.open();
  await hydrated(page);
  await page.keyboard.press('Tab');
  await expect(signInPage.email).toBeFocused();
  await page.keyboard.type(organization.owner.email);
  await page.keyboard.press('Tab');
  await expect(signInPage.password).toBeFocused();
  await page.keyboard.type(organization.owner.password);
  await page.keyboard.press('Enter');
  await expect(new BillingPage(page).heading).toBeVisible();
});
