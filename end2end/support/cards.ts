/**
 * The payment processor's test cards, named for what their bank does.
 */
export interface Card {
  number: string;
  /** `MM / YY` */
  expiry: string;
  securityCode: string;
}

const card = (number: string, securityCode = '123'): Card => ({
  number,
  expiry: '12 / 34',
  securityCode,
});

export const visa = card('4242424242424242');
export const mastercard = card('5555555555554444');
export const amex = card('378282246310005', '1234');

export const declined = card('4000000000000002');
export const insufficientFunds = card('4000000000009995');
export const lost = card('4000000000009987');
export const expired = card('4000000000000069');
export const wrongSecurityCode = card('4000000000000127');
export const processingError = card('4000000000000119');
/** Can be saved; every charge is declined. */
export const declinesLater = card('4000000000000341');
/** A good check digit, but on no list of test cards. */
export const unlisted = card('4111111111111111');
/** A wrong check digit. */
export const mistyped = card('4242424242424241');

/** Its bank asks the owner to confirm every payment. */
export const asksAlways = card('4000002760003184');
/** Its bank asks, and declines after that. */
export const asksThenDeclines = card('4000008400001629');

/** The bank takes its time to take a refund. */
export const refundsLater = card('4000000000007726');
/** A refund is taken, and comes back a while later. */
export const refundFailsLater = card('4000000000005126');
/** Its owner complains about every payment. */
export const disputed = card('4000000000000259');
/** Its bank asks about every payment, and takes nothing. */
export const asksAboutPayments = card('4000000000001976');

/** The first answer about a charge is lost, and the money was taken. */
export const answerLostAfter = card('4000009900000012');
/** The first answer about a charge is lost, and nothing had happened. */
export const answerLostBefore = card('4000009900000020');
/** The bank takes its time, and approves. */
export const decidesLater = card('4000009900000038');
