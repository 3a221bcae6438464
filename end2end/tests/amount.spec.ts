import { visa } from '../support/cards.ts';
import { expect, test } from '../support/test.ts';

const NOT_AN_AMOUNT = 'Enter an amount in dollars, such as 25 or 25.00.';
const TOO_LITTLE = 'The least you can add is $5.00.';
const TOO_MUCH = 'The most you can add at once is $500.00.';
const PART_OF_A_CENT = 'A card is charged in whole cents. Use at most two decimals.';

const REFUSED = [
  { typed: '4', message: TOO_LITTLE },
  { typed: '4.99', message: TOO_LITTLE },
  { typed: '0', message: TOO_LITTLE },
  { typed: '500.01', message: TOO_MUCH },
  { typed: '1,250', message: TOO_MUCH },
  { typed: '99999999999999999999', message: NOT_AN_AMOUNT },
  { typed: '', message: NOT_AN_AMOUNT },
  { typed: '   ', message: NOT_AN_AMOUNT },
  { typed: 'twenty', message: NOT_AN_AMOUNT },
  { typed: '-25', message: NOT_AN_AMOUNT },
  { typed: '1e2', message: NOT_AN_AMOUNT },
  { typed: '25,00', message: NOT_AN_AMOUNT },
  { typed: '٢٥', message: NOT_AN_AMOUNT },
  { typed: '<script>alert(1)</script>', message: NOT_AN_AMOUNT },
  { typed: '25.001', message: PART_OF_A_CENT },
];

test('an amount that cannot be paid is said at its field and sends nothing', async ({
  account,
  billing,
  page,
}) => {
  await account.saveCard(visa);
  const dialog = await billing.openDialog();
  const sent: string[] = [];
  page.on('request', (request) => sent.push(request.url()));
  for (const { typed, message } of REFUSED) {
    await test.step(`“${typed}”`, async () => {
      await dialog.amount.fill(typed);
      // It is not offered before it is refused.
      await expect(dialog.confirm).toHaveText('Add credit');
      await dialog.confirm.click();
      await expect(dialog.amount).toHaveAccessibleDescription(message);
      await expect(dialog.amount).toHaveAttribute('aria-invalid', 'true');
      await expect(dialog.amount).toBeFocused();
      await expect(dialog.amount).toHaveValue(typed);
      await expect(dialog.summary).toHaveText(['–', '–', '–', '–', '–']);
    });
  }
  expect(sent).toEqual([]);
  await account.expectNothingCharged();
});

test('an amount out of range is said as soon as it is typed, and the focus is left alone', async ({
  account,
  billing,
  page,
}) => {
  await account.saveCard(visa);
  const dialog = await billing.openDialog();
  await dialog.amount.clear();
  await dialog.amount.pressSequentially('500.01');
  await expect(dialog.confirm).toHaveText('Add credit');
  await page.keyboard.press('Tab');
  await expect(dialog.amount).toHaveAccessibleDescription(TOO_MUCH);
  await expect(dialog.preset('$10')).toBeFocused();
  await dialog.newCard.check();
  await expect(dialog.amount).toHaveAccessibleDescription(TOO_MUCH);
  await dialog.preset('$10').click();
  await expect(dialog.amount).toHaveAccessibleDescription('From $5.00 to $500.00');
  await expect(dialog.confirm).toHaveText('Add $10.00');
});

test('the message goes when the amount is mended, and the limits are said again', async ({
  account,
  billing,
}) => {
  await account.saveCard(visa);
  const dialog = await billing.openDialog();
  await expect(dialog.amount).toHaveAccessibleDescription('From $5.00 to $500.00');
  await dialog.amount.fill('4');
  await dialog.confirm.click();
  await expect(dialog.amount).toHaveAccessibleDescription(TOO_LITTLE);
  await dialog.preset('$10').click();
  await expect(dialog.amount).toHaveAccessibleDescription('From $5.00 to $500.00');
  await dialog.confirm.click();
  await expect(dialog.status).toHaveText('$10.00 was added to your balance');
  await account.expectOneCharge(1_000);
});

test('what is charged in all is in sight beside the button, with a new card too', async ({
  account,
  billing,
  page,
}) => {
  await account.saveCard(visa);
  await page.setViewportSize({ width: 1280, height: 900 });
  const dialog = await billing.openDialog();
  await dialog.newCard.check();
  await expect(dialog.card.number).toBeVisible();
  const total = await dialog.summary.nth(3).boundingBox();
  const button = await dialog.confirm.boundingBox();
  expect(bottomOf(total)).toBeLessThanOrEqual(button?.y ?? 0);
});

test('who is led back to a field sees its label, too', async ({
  account,
  billing,
  page,
}) => {
  await account.saveCard(visa);
  await page.setViewportSize({ width: 1280, height: 600 });
  const dialog = await billing.openDialog();
  await dialog.amount.fill('4');
  await dialog.newCard.check();
  // The field is in sight, and its label just below what stays on top.
  await dialog.root.evaluate((element) => element.scrollTo(0, 30));
  await dialog.confirm.click();
  await expect(dialog.amount).toBeFocused();
  const head = await dialog.root.locator('.dialog-head').boundingBox();
  await expect(async () => {
    const label = await dialog.root.getByText('Amount (USD)').boundingBox();
    expect(label?.y).toBeGreaterThanOrEqual(bottomOf(head));
  }).toPass();
});

function bottomOf(box: { y: number; height: number } | null): number {
  if (box === null) {
    throw new Error('it is not shown');
  }
  return box.y + box.height;
}

const PAID = [
  { typed: '5', cents: 500 },
  { typed: '500', cents: 50_000 },
  { typed: ' $12.34 ', cents: 1_234 },
];

for (const { typed, cents } of PAID) {
  test(`“${typed}” is paid to the cent`, async ({ account, billing }) => {
    await account.saveCard(visa);
    const dialog = await billing.openDialog();
    await dialog.amount.fill(typed);
    await dialog.confirm.click();
    await expect(dialog.done).toBeVisible();
    await account.expectOneCharge(cents);
  });
}
