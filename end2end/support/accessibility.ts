/**
 * What a machine can find wrong with a page for people who cannot see, hear or point well, and
 * what sticks out of a narrow screen.
 */
import { AxeBuilder } from '@axe-core/playwright';
import { expect, test, type Page } from '@playwright/test';

const RULES = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'];

export const SCREENS = [
  { name: 'at 1280 px', viewport: { width: 1280, height: 800 } },
  { name: 'at 390 px', viewport: { width: 390, height: 844 } },
];

/** A state of a page, by its name. */
export async function expectSound(page: Page, state: string): Promise<void> {
  await test.step(state, async () => {
    await expectNoSidewaysScroll(page);
    await expectAccessible(page);
  });
}

export async function expectAccessible(page: Page): Promise<void> {
  // "Legacy" says that all is done in the page itself, frames of ours included; otherwise a second
  // page is opened for every look, which takes as long as the rules do.
  const rules = new AxeBuilder({ page }).setLegacyMode().withTags(RULES);
  const { violations } = await rules.analyze();
  const found = violations.map(({ id, help, nodes }) => ({
    id,
    help,
    where: nodes.map((node) => `${node.target.join(' ')}: ${node.failureSummary ?? ''}`),
  }));
  // Softly: one state with a flaw does not hide those of the next.
  expect.soft(found).toEqual([]);
}

export async function expectNoSidewaysScroll(page: Page): Promise<void> {
  const { content, screen } = await page.evaluate(() => ({
    content: document.documentElement.scrollWidth,
    screen: document.documentElement.clientWidth,
  }));
  expect.soft(content, 'the page is wider than the screen').toBeLessThanOrEqual(screen);
}
