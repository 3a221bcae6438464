//! Gives a card to the gateway and gets a token for it. With a real gateway the card never goes to
//! our own server; the sandbox runs inside of it, and takes test cards alone.

use js_sys::{JSON, Promise};
use leptos::prelude::window;
use serde::Deserialize;
use types::payment::{PaymentField, TokenizerView};
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_sys::{Headers, RequestInit, Response, UrlSearchParams};

use super::stripe::unreachable;
use crate::components::problem::Problem;

/// A card as typed, checked, without spaces.
pub struct CardFields {
    pub number: String,
    pub expiry_month: u32,
    pub expiry_year: u32,
    pub security_code: String,
    /// ISO 3166-1 alpha-2.
    pub country: String,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Answer {
    Token { id: String },
    Refused { error: Refusal },
}

#[derive(Deserialize)]
struct Refusal {
    code: Option<String>,
    param: Option<String>,
}

/// The gateway's token (`pm_…`), or what is wrong with the card, at the field it concerns.
pub async fn tokenize(tokenizer: &TokenizerView, card: &CardFields) -> Result<String, Problem> {
    match post(tokenizer, card).await {
        Ok(Answer::Token { id }) => Ok(id),
        Ok(Answer::Refused { error }) => Err(problem(&error)),
        Err(_) => Err(unreachable()),
    }
}

async fn post(tokenizer: &TokenizerView, card: &CardFields) -> Result<Answer, JsValue> {
    let fields = UrlSearchParams::new()?;
    fields.append("type", "card");
    fields.append("card[number]", &card.number);
    fields.append("card[exp_month]", &card.expiry_month.to_string());
    fields.append("card[exp_year]", &card.expiry_year.to_string());
    fields.append("card[cvc]", &card.security_code);
    fields.append("billing_details[address][country]", &card.country);
    let headers = Headers::new()?;
    headers.set(
        "Authorization",
        &format!("Bearer {}", tokenizer.publishable_key),
    )?;
    headers.set("Content-Type", "application/x-www-form-urlencoded")?;
    let request = RequestInit::new();
    request.set_method("POST");
    request.set_headers(&headers);
    request.set_body(&fields.to_string().into());
    let sent: Promise = window().fetch_with_str_and_init(&tokenizer.url, &request);
    let response: Response = JsFuture::from(sent).await?.dyn_into()?;
    let body = JsFuture::from(response.json()?).await?;
    let text = JSON::stringify(&body)?.as_string().unwrap_or_default();
    serde_json::from_str(&text).map_err(|error| JsValue::from_str(&error.to_string()))
}

/// The gateway's codes in our words.
fn problem(refusal: &Refusal) -> Problem {
    let param = refusal.param.as_deref().unwrap_or_default();
    let at = |field, message: &str| Problem::at(field, message);
    match refusal.code.as_deref().unwrap_or_default() {
        "incorrect_number" | "invalid_number" => at(
            PaymentField::CardNumber,
            "The card number is incorrect. Check the digits.",
        ),
        "invalid_expiry_month" => at(PaymentField::Expiry, "The month must be between 01 and 12."),
        // One that is past was refused before: this is one further ahead than any card's.
        "invalid_expiry_year" => at(
            PaymentField::Expiry,
            "The year is not valid. Check the expiration date.",
        ),
        "expired_card" => at(
            PaymentField::Expiry,
            "The card has expired. Use another card.",
        ),
        "invalid_cvc" | "incorrect_cvc" => at(
            PaymentField::SecurityCode,
            "The security code is incorrect.",
        ),
        _ if param.contains("number") => at(
            PaymentField::CardNumber,
            "The payment processor does not take this card. Use another card.",
        ),
        _ if param.contains("country") => at(PaymentField::Country, "Choose a country."),
        _ => Problem::general(
            "The payment processor did not take the card. Nothing was charged. Check the details or use another card.",
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(body: &str) -> Problem {
        match serde_json::from_str(body).unwrap() {
            Answer::Refused { error } => problem(&error),
            Answer::Token { id } => panic!("a token: {id}"),
        }
    }

    #[test]
    fn the_gateways_codes_become_words_at_a_field() {
        let cases = [
            (
                r#"{"error":{"code":"incorrect_number","param":"number"}}"#,
                Some(PaymentField::CardNumber),
            ),
            (
                r#"{"error":{"code":"invalid_cvc","param":"cvc"}}"#,
                Some(PaymentField::SecurityCode),
            ),
            (
                r#"{"error":{"code":"invalid_expiry_year","param":"exp_year"}}"#,
                Some(PaymentField::Expiry),
            ),
            (
                r#"{"error":{"code":"card_declined","param":"card[number]"}}"#,
                Some(PaymentField::CardNumber),
            ),
            (r#"{"error":{"type":"api_error"}}"#, None),
        ];
        for (body, field) in cases {
            assert_eq!(read(body).field, field, "{body}");
        }
    }
}
