/**
 * What a screen reader finds on each page, in order: the outline that must not change unnoticed.
 */
import { visa } from '../support/cards.ts';
import { hydrated } from '../support/hydration.ts';
import { expect, test } from '../support/test.ts';

test('the sign-in is a heading, two fields and a button', async ({ signInPage, page }) => {
  await signInPage.open();
  await hydrated(page);
  await expect(page).toHaveTitle('Sign in · ZeroGPU Billing');
  await expect(page.getByRole('main')).toMatchAriaSnapshot(`
    - main:
      - text: ZeroGPU
      - heading "Sign in" [level=1]
      - paragraph: Credit, cards and billing history of your organization.
      - text: Email
      - textbox "Email"
      - text: Password
      - textbox "Password"
      - button "Sign in"
  `);
});

test('the frame leads to every page and says who is signed in', async ({ billing, page }) => {
  await billing.open();
  await expect(page.getByRole('navigation', { name: 'Main' })).toMatchAriaSnapshot(`
    - navigation "Main":
      - list "Build":
        - listitem:
          - link "Models"
      - list "Manage":
        - listitem:
          - link "Billing"
  `);
  await expect(page.getByRole('link', { name: 'Billing', exact: true })).toHaveAttribute(
    'aria-current',
    'page',
  );
  await expect(page.getByRole('group', { name: 'Theme' })).toMatchAriaSnapshot(`
    - group "Theme":
      - button "System theme" [pressed]
      - button "Light theme"
      - button "Dark theme"
  `);
  // In the bar above on a phone, in the sidebar here.
  const organization = page.getByText('Northwind Robotics').filter({ visible: true });
  await expect(organization).toHaveCount(1);
  await expect(page.getByText('Owner', { exact: true })).toBeVisible();
  // These payments move no money, and every page says so.
  await expect(page.getByText('Test mode').filter({ visible: true })).toHaveCount(1);
});

test('Billing of a new organization says what to do and what will stand where', async ({
  billing,
  page,
}) => {
  await billing.open();
  await expect(page.getByRole('main')).toMatchAriaSnapshot(`
    - main:
      - heading "Billing" [level=1]
      - paragraph: Credit, cards and history of your organization.
      - region "Credit balance":
        - heading "Credit balance" [level=2]
        - link "Add to credit balance"
        - paragraph: $0.00
        - paragraph: Add credit to run requests.
        - paragraph: API usage is paid from this balance.
        - paragraph: /last 30 days/
      - region "Payment methods":
        - heading "Payment methods" [level=2]
        - paragraph: Add or change your payment method.
        - link "Add payment method"
      - region "Billing history":
        - heading "Billing history" [level=2]
        - link "View past and current invoices"
        - paragraph: /^Your first top-up/
      - region "Plan":
        - heading "Plan" [level=2]
        - link "All models and prices"
        - paragraph:
          - strong: Pay as you go
        - table
  `);
});

test('the dialog asks for an amount and a card and says what is paid', async ({ billing }) => {
  const dialog = await billing.openDialog();
  await expect(dialog.root).toMatchAriaSnapshot(`
    - dialog "Add to credit balance":
      - heading "Add to credit balance" [level=2]
      - button "Close"
      - textbox "Amount (USD)": "25.00"
      - paragraph: From $5.00 to $500.00
      - group "Amounts to choose from":
        - button "$10"
        - button "$25" [pressed]
        - button "$50"
        - button "$100"
      - group "Payment method":
        - group "New card":
          - textbox "Card number"
          - textbox "Expiration date"
          - textbox "Security code"
          - combobox "Country":
            - option "United States" [selected]
          - paragraph: /^No real card is charged here/
      - term: Credit
      - definition: $25.00
      - term: Fee
      - definition: $0.00
      - term: Tax
      - definition: $0.00
      - term: Total
      - definition: $25.00
      - term: New balance
      - definition: $25.00
      - button "Add $25.00"
      - status
      - paragraph: /^Test mode\. Cards go to this server's own sandbox/
  `);
});

test('Billing History is a table with a head and a row for each movement', async ({
  account,
  history,
  page,
}) => {
  await account.addCredit('5.00', await account.saveCard(visa));
  await history.open();
  await expect(page.getByRole('main')).toMatchAriaSnapshot(`
    - main:
      - link "Back to Billing"
      - heading "Billing History" [level=1]
      - paragraph: Every movement of your credit balance, newest first.
      - table "Billing history":
        - caption: Billing history
        - rowgroup:
          - row:
            - columnheader "Date"
            - columnheader "Description"
            - columnheader "Amount"
            - columnheader "Status"
        - rowgroup:
          - row:
            - cell /^\\d+\\/\\d+\\/\\d+, \\d+:\\d+:\\d+ [AP]M$/
            - cell "Credit Visa ···· 4242 · Refund of $5.00"
            - cell "+$5.00"
            - cell "Credit"
  `);
});

test('an address that does not exist says so and leads back', async ({
  billing,
  complaints,
  page,
}) => {
  complaints.expect(/status of 404/);
  const response = await page.goto('/no-such-page');
  expect(response?.status()).toBe(404);
  await hydrated(page);
  await expect(page.getByRole('heading', { level: 1 })).toHaveText('This page does not exist');
  await page.getByRole('link', { name: 'Go to Billing' }).click();
  await expect(billing.heading).toBeVisible();
});

test.describe('without script', () => {
  test.use({ javaScriptEnabled: false });

  test('the form that replaces the dialog asks for the same', async ({ account, page }) => {
    await account.saveCard(visa);
    await page.goto('/billing?add=1');
    await expect(page.getByRole('region', { name: 'Add to credit balance' })).toMatchAriaSnapshot(`
      - heading "Add to credit balance" [level=2]
      - group "Amount (USD)":
        - radio "$10"
        - radio "$25" [checked]
        - radio "$50"
        - radio "$100"
        - radio "Other"
        - textbox "Other amount"
        - paragraph: From $5.00 to $500.00. What stands here is charged, whichever button is chosen.
      - group "Payment method":
        - radio /Visa ···· 4242/ [checked]
        - paragraph: /^A new card needs script/
      - link "Cancel"
      - button "Add credit"
    `);
  });
});
