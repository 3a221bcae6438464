//! Owns the list of test cards and reading a card from a form: numbers, brands, expiry, security
//! code. Does not own what a card does (`behaviour`). The number is looked up here and goes no
//! further: what leaves is brand, last four, expiry, country, funding and a keyed fingerprint.

use serde::{Deserialize, Serialize};

use crate::behaviour::{Aftermath, Behaviour, Fate, Moment, Question, SecurityCode, SetUp};
use crate::clock::year_and_month;
use crate::declines::Decline;
use crate::errors::ApiError;
use crate::form::Form;

/// A listed number. The token is Stripe's fixed name for the same card, where it has one.
struct TestCard {
    number: &'static str,
    brand: Brand,
    funding: &'static str,
    behaviour: Behaviour,
    tokens: &'static [&'static str],
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Brand {
    Visa,
    Mastercard,
    Amex,
    Discover,
    Diners,
    Jcb,
    Unionpay,
}

impl Brand {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Visa => "visa",
            Self::Mastercard => "mastercard",
            Self::Amex => "amex",
            Self::Discover => "discover",
            Self::Diners => "diners",
            Self::Jcb => "jcb",
            Self::Unionpay => "unionpay",
        }
    }

    fn security_code_length(self) -> usize {
        if self == Self::Amex { 4 } else { 3 }
    }
}

/// A card as it is kept: everything but its number.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Card {
    pub(crate) brand: Brand,
    pub(crate) last4: String,
    pub(crate) exp_month: i64,
    pub(crate) exp_year: i64,
    pub(crate) funding: String,
    pub(crate) fingerprint: String,
    pub(crate) behaviour: Behaviour,
    pub(crate) security_code: SecurityCode,
    pub(crate) set_up: SetUp,
}

const fn card(
    number: &'static str,
    brand: Brand,
    funding: &'static str,
    behaviour: Behaviour,
    tokens: &'static [&'static str],
) -> TestCard {
    TestCard {
        number,
        brand,
        funding,
        behaviour,
        tokens,
    }
}

const fn visa(
    number: &'static str,
    behaviour: Behaviour,
    tokens: &'static [&'static str],
) -> TestCard {
    card(number, Brand::Visa, "credit", behaviour, tokens)
}

/// Stripe's published test cards (docs.stripe.com/testing), then four of our own whose numbers
/// are Luhn-valid and on no list of Stripe's.
#[rustfmt::skip]
const TEST_CARDS: &[TestCard] = &[
    visa("4242424242424242", Behaviour::Succeeds, &["pm_card_visa", "pm_card_us"]),
    card("4000056655665556", Brand::Visa, "debit", Behaviour::Succeeds, &["pm_card_visa_debit"]),
    card("5555555555554444", Brand::Mastercard, "credit", Behaviour::Succeeds, &["pm_card_mastercard"]),
    card("2223003122003222", Brand::Mastercard, "credit", Behaviour::Succeeds, &[]),
    card("5200828282828210", Brand::Mastercard, "debit", Behaviour::Succeeds, &["pm_card_mastercard_debit"]),
    card("5105105105105100", Brand::Mastercard, "prepaid", Behaviour::Succeeds, &["pm_card_mastercard_prepaid"]),
    card("378282246310005", Brand::Amex, "credit", Behaviour::Succeeds, &["pm_card_amex"]),
    card("6011111111111117", Brand::Discover, "credit", Behaviour::Succeeds, &["pm_card_discover"]),
    card("3056930009020004", Brand::Diners, "credit", Behaviour::Succeeds, &["pm_card_diners"]),
    card("3566002020360505", Brand::Jcb, "credit", Behaviour::Succeeds, &["pm_card_jcb"]),
    card("6200000000000005", Brand::Unionpay, "credit", Behaviour::Succeeds, &["pm_card_unionpay"]),

    visa("4000000000000002", Behaviour::Declines(Decline::Generic), &["pm_card_visa_chargeDeclined", "pm_card_chargeDeclined"]),
    visa("4000000000009995", Behaviour::Declines(Decline::InsufficientFunds), &["pm_card_visa_chargeDeclinedInsufficientFunds", "pm_card_chargeDeclinedInsufficientFunds"]),
    visa("4000000000009987", Behaviour::Declines(Decline::LostCard), &["pm_card_visa_chargeDeclinedLostCard"]),
    visa("4000000000009979", Behaviour::Declines(Decline::StolenCard), &["pm_card_visa_chargeDeclinedStolenCard"]),
    visa("4000000000000069", Behaviour::Declines(Decline::ExpiredCard), &["pm_card_chargeDeclinedExpiredCard"]),
    visa("4000000000000127", Behaviour::Declines(Decline::IncorrectCvc), &["pm_card_chargeDeclinedIncorrectCvc"]),
    visa("4000000000000119", Behaviour::Declines(Decline::ProcessingError), &["pm_card_chargeDeclinedProcessingError"]),
    visa("4000000000006975", Behaviour::Declines(Decline::VelocityExceeded), &["pm_card_visa_chargeDeclinedVelocityLimitExceeded"]),
    visa("4100000000000019", Behaviour::Declines(Decline::Fraudulent), &["pm_card_radarBlock"]),
    visa("4000000000000341", Behaviour::DeclinesCharges, &["pm_card_chargeCustomerFail"]),

    visa("4000002500003155", Behaviour::Asks(Question::UnlessSetUp), &["pm_card_authenticationRequiredOnSetup"]),
    visa("4000002760003184", Behaviour::Asks(Question::Always), &["pm_card_authenticationRequired"]),
    visa("4000003800000446", Behaviour::Asks(Question::OnSession), &["pm_card_authenticationRequiredSetupForOffSession"]),
    visa("4000008260003178", Behaviour::Asks(Question::ThenInsufficientFunds), &["pm_card_authenticationRequiredChargeDeclinedInsufficientFunds"]),
    visa("4000000000003220", Behaviour::Asks(Question::Always), &["pm_card_threeDSecure2Required"]),
    visa("4000008400000027", Behaviour::Asks(Question::Always), &["pm_card_threeDSecureRequired"]),
    visa("4000008400001629", Behaviour::Asks(Question::ThenDeclines), &["pm_card_threeDSecureRequiredChargeDeclined"]),
    visa("4000008400001280", Behaviour::Asks(Question::LookupFails), &["pm_card_threeDSecureRequiredProcessingError"]),
    visa("4000000000003055", Behaviour::Asks(Question::IfRequested), &["pm_card_threeDSecureOptional"]),
    visa("4000000000003097", Behaviour::Asks(Question::FailsIfRequested), &["pm_card_threeDSecureOptionalProcessingError"]),
    visa("4000000032200000", Behaviour::Asks(Question::Frictionless), &[]),

    visa("4000000000000259", Behaviour::SucceedsThen(Aftermath::DisputedAsFraudulent), &["pm_card_createDispute"]),
    visa("4000000000002685", Behaviour::SucceedsThen(Aftermath::DisputedAsNotReceived), &["pm_card_createDisputeProductNotReceived"]),
    visa("4000000000001976", Behaviour::SucceedsThen(Aftermath::Inquiry), &["pm_card_createDisputeInquiry"]),
    visa("4000000000005423", Behaviour::SucceedsThen(Aftermath::EarlyFraudWarning), &["pm_card_createIssuerFraudRecord"]),
    visa("4000000404000079", Behaviour::SucceedsThen(Aftermath::DisputedRepeatedly), &["pm_card_createMultipleDisputes"]),
    visa("4000000000007726", Behaviour::SucceedsThen(Aftermath::RefundSettlesLater), &["pm_card_pendingRefund"]),
    visa("4000000000005126", Behaviour::SucceedsThen(Aftermath::RefundFailsLater), &["pm_card_refundFail"]),
    visa("4000000000000077", Behaviour::SucceedsThen(Aftermath::AvailableAtOnce), &["pm_card_bypassPending"]),

    visa("4000009900000012", Behaviour::AnswerLost(Moment::After), &[]),
    visa("4000009900000020", Behaviour::AnswerLost(Moment::Before), &[]),
    visa("4000009900000038", Behaviour::DecidesLater(Fate::Succeeds), &[]),
    visa("4000009900000046", Behaviour::DecidesLater(Fate::Fails), &[]),
];

/// Reads `card[number]`, `card[exp_month]`, `card[exp_year]` and `card[cvc]`.
///
/// `fingerprint` turns the number into the keyed hash by which the same card is recognised.
pub(crate) fn read_card(
    form: &Form,
    now: i64,
    fingerprint: impl Fn(&str) -> String,
) -> Result<Card, ApiError> {
    let typed = form.required("card[number]")?;
    let number: String = typed.chars().filter(|c| !matches!(c, ' ' | '-')).collect();
    let listed = find_by_number(&number)?;
    let (exp_month, exp_year) = read_expiry(form, now)?;
    let security_code = read_security_code(form, listed.brand)?;
    Ok(listed.keep(exp_month, exp_year, security_code, &fingerprint))
}

/// The card behind one of Stripe's fixed tokens, such as `pm_card_visa`; valid for years.
pub(crate) fn card_of_token(
    token: &str,
    now: i64,
    fingerprint: impl Fn(&str) -> String,
) -> Option<Card> {
    let listed = TEST_CARDS
        .iter()
        .find(|card| card.tokens.contains(&token))?;
    let (year, month) = year_and_month(now);
    Some(listed.keep(month, year + 4, SecurityCode::Given, &fingerprint))
}

impl TestCard {
    fn keep(
        &self,
        exp_month: i64,
        exp_year: i64,
        security_code: SecurityCode,
        fingerprint: impl Fn(&str) -> String,
    ) -> Card {
        Card {
            brand: self.brand,
            last4: self.number[self.number.len() - 4..].to_owned(),
            exp_month,
            exp_year,
            funding: self.funding.to_owned(),
            fingerprint: fingerprint(self.number),
            behaviour: self.behaviour,
            security_code,
            set_up: SetUp::NotDone,
        }
    }
}

fn find_by_number(number: &str) -> Result<&'static TestCard, ApiError> {
    if !is_luhn_valid(number) {
        let error = ApiError::card("incorrect_number", None, "Your card number is incorrect.");
        return Err(error.with_param("number"));
    }
    TEST_CARDS.iter().find(|card| card.number == number).ok_or_else(|| {
        let message = "Your card was declined. Your request was in test mode, but used a non test \
                       (live) card. For a list of valid test cards, visit: \
                       https://stripe.com/docs/testing.";
        ApiError::card("card_declined", Some("test_mode_live_card"), message).with_param("number")
    })
}

fn read_expiry(form: &Form, now: i64) -> Result<(i64, i64), ApiError> {
    let month = form.integer("card[exp_month]")?;
    let month = month.ok_or_else(|| ApiError::missing("card[exp_month]"))?;
    let year = form.integer("card[exp_year]")?;
    let year = year.ok_or_else(|| ApiError::missing("card[exp_year]"))?;
    check_expiry(month, year, now)
}

/// The month and the four-digit year, if the card is still valid.
pub(crate) fn check_expiry(month: i64, year: i64, now: i64) -> Result<(i64, i64), ApiError> {
    /// Nobody issues cards for longer; Stripe refuses later years too.
    const MAX_YEARS_AHEAD: i64 = 50;
    let invalid_month = || {
        let message = "Your card's expiration month is invalid.";
        ApiError::card("invalid_expiry_month", None, message).with_param("exp_month")
    };
    let invalid_year = || {
        let message = "Your card's expiration year is invalid.";
        ApiError::card("invalid_expiry_year", None, message).with_param("exp_year")
    };
    if !(1..=12).contains(&month) {
        return Err(invalid_month());
    }
    let year = if (0..100).contains(&year) {
        year + 2_000
    } else {
        year
    };
    let (this_year, this_month) = year_and_month(now);
    if year < this_year || year > this_year + MAX_YEARS_AHEAD {
        return Err(invalid_year());
    }
    if year == this_year && month < this_month {
        return Err(invalid_month());
    }
    Ok((month, year))
}

fn read_security_code(form: &Form, brand: Brand) -> Result<SecurityCode, ApiError> {
    let Some(code) = form.text("card[cvc]") else {
        return Ok(SecurityCode::Absent);
    };
    let digits_only = code.bytes().all(|byte| byte.is_ascii_digit());
    if !digits_only || code.len() != brand.security_code_length() {
        let message = "Your card's security code is invalid.";
        return Err(ApiError::card("invalid_cvc", None, message).with_param("cvc"));
    }
    Ok(SecurityCode::Given)
}

/// 12 to 19 digits whose check digit is right.
fn is_luhn_valid(number: &str) -> bool {
    if !(12..=19).contains(&number.len()) || !number.bytes().all(|byte| byte.is_ascii_digit()) {
        return false;
    }
    let sum: u32 = number
        .bytes()
        .rev()
        .enumerate()
        .map(|(place, byte)| {
            let digit = u32::from(byte - b'0');
            match (place % 2, digit) {
                (0, _) => digit,
                (_, 0..=4) => digit * 2,
                _ => digit * 2 - 9,
            }
        })
        .sum();
    sum.is_multiple_of(10)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: i64 = 1_795_000_000; // November 2026

    fn read(form: &str) -> Result<Card, ApiError> {
        read_card(&Form::parse(form.as_bytes()).expect("a form"), NOW, |_| {
            "print".into()
        })
    }

    fn code_of(form: &str) -> String {
        let error = read(form).expect_err("a refused card").object();
        error["code"].as_str().expect("a code").to_owned()
    }

    #[test]
    fn every_listed_number_is_luhn_valid_and_listed_once() {
        for (place, card) in TEST_CARDS.iter().enumerate() {
            assert!(is_luhn_valid(card.number), "…{}", &card.number[12..]);
            assert!(
                TEST_CARDS[place + 1..]
                    .iter()
                    .all(|other| other.number != card.number)
            );
        }
    }

    #[test]
    fn a_valid_card_keeps_everything_but_its_number() {
        let card = read("card[number]=4242 4242 4242 4242&card[exp_month]=4&card[exp_year]=30")
            .expect("a card");
        assert_eq!((card.exp_month, card.exp_year), (4, 2030));
        let kept = serde_json::to_string(&card).expect("JSON");
        assert!(!kept.contains("42424242"));
    }

    #[test]
    fn wrong_input_is_refused_with_the_code_of_its_field() {
        let number = "card[number]=4242424242424242";
        let expiry = "card[exp_month]=12&card[exp_year]=2034";
        let wrong_month = format!("{number}&card[exp_month]=13&card[exp_year]=2034");
        assert_eq!(code_of(&wrong_month), "invalid_expiry_month");
        let past_year = format!("{number}&card[exp_month]=12&card[exp_year]=2020");
        assert_eq!(code_of(&past_year), "invalid_expiry_year");
        let past_month = format!("{number}&card[exp_month]=1&card[exp_year]=2026");
        assert_eq!(code_of(&past_month), "invalid_expiry_month");
        assert_eq!(
            code_of(&format!("{number}&{expiry}&card[cvc]=12")),
            "invalid_cvc"
        );
        let mistyped = format!("card[number]=4242424242424241&{expiry}");
        assert_eq!(code_of(&mistyped), "incorrect_number");
        let unlisted = format!("card[number]=4111111111111111&{expiry}");
        assert_eq!(code_of(&unlisted), "card_declined");
    }

    #[test]
    fn an_american_express_code_has_four_digits() {
        let card = "card[number]=378282246310005&card[exp_month]=12&card[exp_year]=2034";
        assert!(read(&format!("{card}&card[cvc]=1234")).is_ok());
        assert_eq!(code_of(&format!("{card}&card[cvc]=123")), "invalid_cvc");
    }
}
