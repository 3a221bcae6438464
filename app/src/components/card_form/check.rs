//! Judges finished card fields, before they go to the gateway, in words for each field.

use types::payment::{CardBrand, PaymentField};

use super::format::{brand_of, digits, number_lengths, security_code_length};
use crate::browser::tokenizer::CardFields;
use crate::components::problem::Problem;

/// The fields as typed.
pub struct TypedCard {
    pub number: String,
    pub expiry: String,
    pub security_code: String,
    pub country: String,
}

/// A card that the gateway may be asked about, or every problem in the order of the fields.
/// `this_month` is (year, month from 1).
pub fn check(typed: &TypedCard, this_month: (u32, u32)) -> Result<CardFields, Vec<Problem>> {
    let number = digits(&typed.number);
    let brand = brand_of(&number);
    let expiry = check_expiry(&typed.expiry, this_month);
    let mut problems = Vec::new();
    problems.extend(number_problem(&number, brand));
    problems.extend(
        expiry
            .as_ref()
            .err()
            .map(|message| Problem::at(PaymentField::Expiry, *message)),
    );
    problems.extend(security_code_problem(&typed.security_code, brand));
    if typed.country.is_empty() {
        problems.push(Problem::at(
            PaymentField::Country,
            "Choose the card's billing country.",
        ));
    }
    match expiry {
        Ok((expiry_year, expiry_month)) if problems.is_empty() => Ok(CardFields {
            number,
            expiry_month,
            expiry_year,
            security_code: typed.security_code.clone(),
            country: typed.country.clone(),
        }),
        Ok(_) | Err(_) => Err(problems),
    }
}

fn number_problem(number: &str, brand: CardBrand) -> Option<Problem> {
    let (least, _) = number_lengths(brand);
    let message = if number.is_empty() {
        "Enter the card number."
    } else if number.len() < least {
        "The card number is incomplete."
    } else if !passes_luhn(number) {
        "The card number is incorrect. Check the digits."
    } else {
        return None;
    };
    Some(Problem::at(PaymentField::CardNumber, message))
}

/// (year, month), or what is wrong.
fn check_expiry(text: &str, this_month: (u32, u32)) -> Result<(u32, u32), &'static str> {
    if text.trim().is_empty() {
        return Err("Enter the expiration date.");
    }
    let (month, year) = text.split_once('/').unwrap_or((text, ""));
    let (month, year) = (month.trim(), year.trim());
    let (Ok(month), Ok(year)) = (month.parse::<u32>(), year.parse::<u32>()) else {
        return Err("The expiration date is incomplete.");
    };
    if text.trim().len() < "04 / 31".len() {
        return Err("The expiration date is incomplete.");
    }
    if !(1..=12).contains(&month) {
        return Err("The month must be between 01 and 12.");
    }
    let year = 2000 + year;
    if (year, month) < this_month {
        return Err("The card has expired. Use another card.");
    }
    Ok((year, month))
}

fn security_code_problem(code: &str, brand: CardBrand) -> Option<Problem> {
    let message = match (code.len(), security_code_length(brand)) {
        (0, _) => "Enter the security code.",
        (length, expected) if length == expected => return None,
        (_, 4) => "The security code is the 4 digits on the front of the card.",
        (_, _) => "The security code is the 3 digits on the back of the card.",
    };
    Some(Problem::at(PaymentField::SecurityCode, message))
}

/// The check digit that every card number carries.
fn passes_luhn(number: &str) -> bool {
    let sum: u32 = number
        .bytes()
        .rev()
        .enumerate()
        .map(|(index, byte)| {
            let digit = u32::from(byte - b'0');
            match (index % 2, digit * 2) {
                (0, _) => digit,
                (_, doubled) if doubled > 9 => doubled - 9,
                (_, doubled) => doubled,
            }
        })
        .sum();
    sum.is_multiple_of(10)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOVEMBER: (u32, u32) = (2026, 11);

    fn card(number: &str, expiry: &str, security_code: &str) -> TypedCard {
        TypedCard {
            number: number.into(),
            expiry: expiry.into(),
            security_code: security_code.into(),
            country: "US".into(),
        }
    }

    fn problems(card: &TypedCard) -> Vec<(Option<PaymentField>, String)> {
        let problems = check(card, NOVEMBER).err().unwrap_or_default();
        problems
            .into_iter()
            .map(|problem| (problem.field, problem.message))
            .collect()
    }

    #[test]
    fn a_good_card_passes_with_its_digits_alone() {
        let fields = check(&card("4242 4242 4242 4242", "04 / 31", "123"), NOVEMBER);
        let fields = fields.unwrap_or_else(|problems| panic!("{problems:?}"));
        assert_eq!(fields.number, "4242424242424242");
        assert_eq!((fields.expiry_year, fields.expiry_month), (2031, 4));
        assert!(problems(&card("3782 822463 10005", "11 / 26", "1234")).is_empty());
    }

    #[test]
    fn an_empty_card_has_a_problem_at_every_field_in_order() {
        let mut empty = card("", "", "");
        empty.country.clear();
        let fields: Vec<_> = problems(&empty)
            .into_iter()
            .filter_map(|(field, _)| field)
            .collect();
        assert_eq!(
            fields,
            [
                PaymentField::CardNumber,
                PaymentField::Expiry,
                PaymentField::SecurityCode,
                PaymentField::Country
            ]
        );
    }

    #[test]
    fn each_mistake_is_named() {
        let cases = [
            (
                card("4242 4242", "04 / 31", "123"),
                "The card number is incomplete.",
            ),
            (
                card("4242 4242 4242 4241", "04 / 31", "123"),
                "The card number is incorrect. Check the digits.",
            ),
            (
                card("4242 4242 4242 4242", "13 / 31", "123"),
                "The month must be between 01 and 12.",
            ),
            (
                card("4242 4242 4242 4242", "10 / 26", "123"),
                "The card has expired. Use another card.",
            ),
            (
                card("4242 4242 4242 4242", "04 / ", "123"),
                "The expiration date is incomplete.",
            ),
            (
                card("4242 4242 4242 4242", "04 / 31", "12"),
                "The security code is the 3 digits on the back of the card.",
            ),
            (
                card("3782 822463 10005", "04 / 31", "123"),
                "The security code is the 4 digits on the front of the card.",
            ),
        ];
        for (card, message) in cases {
            let found: Vec<_> = problems(&card)
                .into_iter()
                .map(|(_, message)| message)
                .collect();
            assert_eq!(found, [message]);
        }
    }
}
