/**
 * The tests' `test`: a server for each worker, an organization for each test, and a browser whose
 * every complaint fails the test.
 */
import { join } from 'node:path';

import { expect, test as base } from '@playwright/test';

import { Account } from './account.ts';
import { Complaints } from './console.ts';
import { watchHydration } from './hydration.ts';
import { Organization } from './organization.ts';
import { BillingPage } from './pages/billing.ts';
import { HistoryPage } from './pages/history.ts';
import { SignInPage } from './pages/sign_in.ts';
import { Processor } from './processor.ts';
import { Server } from './server.ts';

interface ForWorker {
  server: Server;
  processor: Processor;
}

interface ForTest {
  organizationName: string;
  organization: Organization;
  /** The organization, with its owner signed in in the test's browser. */
  account: Account;
  complaints: Complaints;
  /** What the server says meanwhile stands beside a failure. */
  serverLog: void;
  signInPage: SignInPage;
  /** The pages of the organization's owner. */
  billing: BillingPage;
  history: HistoryPage;
}

export const test = base.extend<ForTest, ForWorker>({
  server: [
    async ({}, use, worker) => {
      const logs = join(worker.project.outputDir, 'servers');
      const server = await Server.start(`browser_${worker.workerIndex}`, logs);
      await use(server);
      await server.stop();
    },
    { scope: 'worker', timeout: 90_000 },
  ],
  processor: [
    async ({ server }, use) => {
      await use(await Processor.of(server));
    },
    { scope: 'worker' },
  ],
  baseURL: async ({ server }, use) => {
    await use(server.url);
  },
  complaints: [
    async ({ context, javaScriptEnabled }, use) => {
      const complaints = new Complaints(context);
      if (javaScriptEnabled !== false) {
        await watchHydration(context);
      }
      await use(complaints);
      expect(complaints.unexpected(), 'the browser complained').toEqual([]);
    },
    { auto: true },
  ],
  serverLog: [
    async ({ server }, use, testInfo) => {
      const before = await server.logged();
      await use();
      if (testInfo.status !== testInfo.expectedStatus) {
        const body = (await server.logged()).slice(before.length);
        await testInfo.attach('the server said', { body, contentType: 'text/plain' });
      }
    },
    { auto: true },
  ],
  organizationName: ['Northwind Robotics', { option: true }],
  organization: async ({ server, organizationName }, use) => {
    await use(await Organization.make(server, organizationName));
  },
  account: async ({ organization, processor, context }, use) => {
    const account = new Account(organization, processor, context.request);
    await account.signIn(organization.owner);
    await use(account);
  },
  signInPage: async ({ page }, use) => {
    await use(new SignInPage(page));
  },
  billing: async ({ page, account: _signedIn }, use) => {
    await use(new BillingPage(page));
  },
  history: async ({ page, account: _signedIn }, use) => {
    await use(new HistoryPage(page));
  },
});

export { expect };
