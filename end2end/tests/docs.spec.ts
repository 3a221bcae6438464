/**
 * The API's reference: a page for developers, without a session and without script.
 */
import { expectAccessible, expectNoSidewaysScroll } from '../support/accessibility.ts';
import { expect, test } from '../support/test.ts';

for (const colorScheme of ['dark', 'light'] as const) {
  for (const viewport of [
    { width: 1280, height: 800 },
    { width: 390, height: 844 },
  ]) {
    test.describe(`${colorScheme} at ${viewport.width} px`, () => {
      test.use({ colorScheme, viewport });

      test('the reference is sound', async ({ page }) => {
        await page.goto('/docs');
        await expect(page).toHaveTitle('API reference · ZeroGPU Billing');
        await expectNoSidewaysScroll(page);
        await expectAccessible(page);
      });
    });
  }
}

test.describe('without script', () => {
  test.use({ javaScriptEnabled: false });

  test('the contents lead to each operation, with a call that can be copied', async ({
    page,
    server,
  }) => {
    await page.goto('/docs');
    const contents = page.getByRole('navigation', { name: 'Contents' });
    await contents.getByRole('link', { name: 'Report usage', exact: true }).click();
    await expect(page).toHaveURL(/#post--v1-events$/);
    const operation = page.getByRole('article', { name: 'Report usage', exact: true });
    await expect(operation).toBeInViewport();
    const call = operation.getByRole('group', { name: 'Example call of POST /v1/events' });
    await expect(call).toContainText(`curl -X POST ${server.url}/v1/events`);
    await expect(call).toContainText('"model": "gpt-oss-120b"');
    await operation.getByRole('link', { name: 'UsageEvent', exact: true }).click();
    await expect(page.getByRole('heading', { name: 'UsageEvent', exact: true })).toBeInViewport();
  });
});

test('the keyboard skips the contents', async ({ page }) => {
  await page.goto('/docs');
  await page.keyboard.press('Tab');
  await page.keyboard.press('Enter');
  await expect(page.getByRole('main')).toBeFocused();
});
