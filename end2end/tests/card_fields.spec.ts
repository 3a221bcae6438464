/** The fields of a new card behave as people know them. */
import type { Locator, Page } from '@playwright/test';

import { mistyped, visa } from '../support/cards.ts';
import { expect, test } from '../support/test.ts';

/** Puts a text where the caret is, as a paste does. */
async function paste(page: Page, field: Locator, text: string): Promise<void> {
  await field.focus();
  await page.keyboard.press('ControlOrMeta+a');
  await page.keyboard.insertText(text);
}

function caret(field: Locator): Promise<number | null> {
  return field.evaluate((input) => (input as HTMLInputElement).selectionStart);
}

async function placeCaret(field: Locator, at: number): Promise<void> {
  await field.evaluate((input, at) => {
    (input as HTMLInputElement).focus();
    (input as HTMLInputElement).setSelectionRange(at, at);
  }, at);
}

const NUMBERS = [
  { brand: 'Visa', pasted: '4242-4242-4242-4242', shown: '4242 4242 4242 4242', code: 3 },
  { brand: 'American Express', pasted: '378282246310005', shown: '3782 822463 10005', code: 4 },
  { brand: 'Mastercard', pasted: '2223003122003222', shown: '2223 0031 2200 3222', code: 3 },
  { brand: 'Diners Club', pasted: '36227206271667', shown: '3622 720627 1667', code: 3 },
  { brand: 'UnionPay', pasted: '6200000000000005', shown: '6200 0000 0000 0005', code: 3 },
];

for (const { brand, pasted, shown, code } of NUMBERS) {
  test(`a ${brand} number is grouped as on the card and has ${code} digits of code`, async ({
    billing,
    page,
  }) => {
    const { card } = await billing.openDialog();
    await paste(page, card.number, pasted);
    await expect(card.number).toHaveValue(shown);
    await card.securityCode.fill('123456');
    await expect(card.securityCode).toHaveValue('123456'.slice(0, code));
  });
}

test('a code that is too long for the next brand is cut', async ({ billing }) => {
  const { card } = await billing.openDialog();
  await card.number.fill('3782 822463 10005');
  await card.securityCode.fill('1234');
  await card.number.fill(visa.number);
  await expect(card.securityCode).toHaveValue('123');
});

const EXPIRIES = [
  ['0431', '04 / 31'],
  ['4/31', '04 / 31'],
  ['04/2031', '04 / 31'],
  ['04 / 2031', '04 / 31'],
  ['2031-04', '04 / 31'],
  ['4-2031', '04 / 31'],
] as const;

test('an expiration date is taken however it is pasted', async ({ billing, page }) => {
  const { card } = await billing.openDialog();
  for (const [pasted, shown] of EXPIRIES) {
    await paste(page, card.expiry, pasted);
    await expect(card.expiry, pasted).toHaveValue(shown);
  }
});

test('an expiration date is mended in its middle, and taken back to its start', async ({
  billing,
  page,
}) => {
  const { card } = await billing.openDialog();
  await card.expiry.focus();
  await page.keyboard.type('431');
  await expect(card.expiry).toHaveValue('04 / 31');
  await placeCaret(card.expiry, 2);
  await page.keyboard.press('Backspace');
  await page.keyboard.type('5');
  await expect(card.expiry).toHaveValue('05 / 31');
  expect(await caret(card.expiry)).toBe(2);
  await page.keyboard.press('End');
  for (let presses = 0; presses < 5; presses += 1) {
    await page.keyboard.press('Backspace');
  }
  await expect(card.expiry).toHaveValue('');
});

test('the caret stays where somebody mends a number', async ({ billing, page }) => {
  const { card } = await billing.openDialog();
  await card.number.fill('4242 4242 4242 4242');
  await placeCaret(card.number, 6);
  await page.keyboard.press('Backspace');
  await expect(card.number).toHaveValue('4242 2424 2424 242');
  expect(await caret(card.number)).toBe(4);
  await page.keyboard.type('4');
  await expect(card.number).toHaveValue('4242 4242 4242 4242');
  expect(await caret(card.number)).toBe(6);
});

test('what is wrong is said at its field as soon as somebody goes on, and goes when mended', async ({
  billing,
  page,
}) => {
  const { card } = await billing.openDialog();
  await card.number.fill(mistyped.number);
  await page.keyboard.press('Tab');
  await expect(card.number).toHaveAccessibleDescription(
    'The card number is incorrect. Check the digits.',
  );
  await expect(card.expiry).toBeFocused();
  // To pass an empty field is no mistake yet.
  await page.keyboard.press('Tab');
  await expect(card.expiry).not.toHaveAttribute('aria-invalid');
  await card.securityCode.fill('12');
  await page.keyboard.press('Tab');
  await expect(card.securityCode).toHaveAccessibleDescription(/3 digits on the back/);
  await card.number.fill(visa.number);
  await expect(card.number).not.toHaveAttribute('aria-invalid');
});

test('a browser knows which field is which, and a phone which keys to show', async ({
  billing,
}) => {
  const { card } = await billing.openDialog();
  const expected = [
    [card.number, 'cc-number'],
    [card.expiry, 'cc-exp'],
    [card.securityCode, 'cc-csc'],
  ] as const;
  for (const [field, autocomplete] of expected) {
    await expect(field).toHaveAttribute('autocomplete', autocomplete);
    await expect(field).toHaveAttribute('inputmode', 'numeric');
  }
  await expect(card.country).toHaveAttribute('autocomplete', 'billing country');
});
