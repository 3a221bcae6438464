//! Owns the bank's page: the owner of a card that asks approves or fails the payment here. Does
//! not own what follows (`payment_intents::attempt`, `setup_intents`).
//!
//! The page stands in a frame of the shop or in a tab of its own. It works without script; the
//! script only tells the shop's window that it is done.

use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use sqlx::Connection;

use crate::Processor;
use crate::call::{Call, Origin};
use crate::errors::{ApiError, Reach};
use crate::form::Form;
use crate::ids::random_text;
use crate::payment_intents::{IntentStatus, PaymentIntent, attempt};
use crate::routes::secrets_match;
use crate::setup_intents::{self, SetupIntent, SetupStatus};

/// The intent that is asked about.
enum Asked {
    Payment(PaymentIntent),
    Setup(SetupIntent),
}

impl Asked {
    async fn find(call: &mut Call<'_>, id: &str, secret: &str) -> Result<Self, ApiError> {
        let payment: Option<PaymentIntent> = call.find(id).await?;
        let found = match payment {
            Some(intent) => Some(Self::Payment(intent)),
            None => call.find(id).await?.map(Self::Setup),
        };
        let known = found.filter(|asked| secrets_match(asked.client_secret(), secret));
        known.ok_or_else(|| ApiError::no_such("payment_intent", id))
    }

    fn client_secret(&self) -> &str {
        match self {
            Self::Payment(intent) => &intent.client_secret,
            Self::Setup(intent) => &intent.client_secret,
        }
    }

    fn kind(&self) -> &'static str {
        match self {
            Self::Payment(_) => "payment_intent",
            Self::Setup(_) => "setup_intent",
        }
    }

    fn status(&self) -> &'static str {
        match self {
            Self::Payment(intent) => intent.status.name(),
            Self::Setup(intent) => intent.status.name(),
        }
    }

    fn is_open(&self) -> bool {
        match self {
            Self::Payment(intent) => matches!(intent.status, IntentStatus::RequiresAction { .. }),
            Self::Setup(intent) => matches!(intent.status, SetupStatus::RequiresAction { .. }),
        }
    }

    fn return_url(&self) -> Option<String> {
        match self {
            Self::Payment(PaymentIntent {
                status: IntentStatus::RequiresAction { return_url },
                ..
            })
            | Self::Setup(SetupIntent {
                status: SetupStatus::RequiresAction { return_url },
                ..
            }) => return_url.clone(),
            Self::Payment(_) | Self::Setup(_) => None,
        }
    }

    fn question(&self) -> String {
        match self {
            Self::Payment(intent) => {
                format!(
                    "Approve this payment of {}?",
                    money(intent.amount, &intent.currency)
                )
            }
            Self::Setup(_) => "Approve saving this card for later payments?".to_owned(),
        }
    }

    async fn approve(&mut self, call: &mut Call<'_>) -> Result<(), ApiError> {
        match self {
            Self::Payment(intent) => attempt::approve(call, intent).await,
            Self::Setup(intent) => setup_intents::approve(call, intent).await,
        }
    }

    async fn fail(&mut self, call: &mut Call<'_>) -> Result<(), ApiError> {
        match self {
            Self::Payment(intent) => attempt::fail_authentication(call, intent).await,
            Self::Setup(intent) => setup_intents::fail_authentication(call, intent).await,
        }
    }
}

/// Shows the question, or that it was answered.
pub(crate) async fn show(processor: &Processor, id: &str, form: &Form) -> Response {
    match load(processor, id, form).await {
        Ok(asked) if asked.is_open() => question_page(processor, id, &asked),
        Ok(asked) => done_page(id, &asked),
        Err(error) => error_page(&error),
    }
}

async fn load(processor: &Processor, id: &str, form: &Form) -> Result<Asked, ApiError> {
    processor.catch_up().await?;
    let mut reader = processor.store.readers.acquire().await?;
    let mut call = Call {
        db: &mut reader,
        now: processor.clock.now(),
        processor,
        origin: Origin::default(),
        answer_is_lost: false,
    };
    Asked::find(
        &mut call,
        id,
        form.text("client_secret").unwrap_or_default(),
    )
    .await
}

/// Takes the answer; answering again changes nothing.
pub(crate) async fn answer(processor: &Processor, id: &str, form: &Form) -> Response {
    match decide(processor, id, form).await {
        Ok((asked, return_url)) => match return_url {
            Some(url) => redirect(&url, id, &asked),
            None => done_page(id, &asked),
        },
        Err(error) => error_page(&error),
    }
}

async fn decide(
    processor: &Processor,
    id: &str,
    form: &Form,
) -> Result<(Asked, Option<String>), ApiError> {
    processor.catch_up().await?;
    let mut writer = processor.store.writer.acquire().await?;
    let mut tx = writer.begin_with("BEGIN IMMEDIATE").await?;
    let mut call = Call {
        db: &mut tx,
        now: processor.clock.now(),
        processor,
        origin: Origin::default(),
        answer_is_lost: false,
    };
    let secret = form.text("client_secret").unwrap_or_default();
    let mut asked = Asked::find(&mut call, id, secret).await?;
    let return_url = asked.return_url();
    if asked.is_open() {
        let result = match form.required("outcome")? {
            "approve" => asked.approve(&mut call).await,
            "fail" => asked.fail(&mut call).await,
            _ => return Err(ApiError::parameter("outcome", "", "Invalid outcome.")),
        };
        match result {
            Err(error) if error.reach != Reach::Recorded => return Err(error),
            Ok(()) | Err(_) => {}
        }
    }
    tx.commit().await?;
    processor.work.notify_one();
    Ok((asked, return_url))
}

/// Back to the shop, with what Stripe adds to the address.
fn redirect(url: &str, id: &str, asked: &Asked) -> Response {
    let outcome = match asked.status() {
        "succeeded" => "succeeded",
        "processing" => "pending",
        _ => "failed",
    };
    let kind = asked.kind();
    let query = form_urlencoded::Serializer::new(String::new())
        .append_pair(kind, id)
        .append_pair(&format!("{kind}_client_secret"), asked.client_secret())
        .append_pair("redirect_status", outcome)
        .finish();
    let (address, fragment) = match url.split_once('#') {
        Some((address, fragment)) => (address, format!("#{fragment}")),
        None => (url, String::new()),
    };
    let separator = if address.contains('?') { '&' } else { '?' };
    let target = format!("{address}{separator}{query}{fragment}");
    match HeaderValue::from_str(&target) {
        Ok(target) => (StatusCode::SEE_OTHER, [(header::LOCATION, target)]).into_response(),
        Err(_) => done_page(id, asked),
    }
}

fn question_page(processor: &Processor, id: &str, asked: &Asked) -> Response {
    let base_path = &processor.config.base_path;
    let body = format!(
        "<h1>Sandbox Bank</h1>\n<p>{question}</p>\n\
         <form method=\"post\" action=\"{base_path}/3ds/{id}\">\n\
         <input type=\"hidden\" name=\"client_secret\" value=\"{secret}\">\n\
         <button class=\"approve\" name=\"outcome\" value=\"approve\">Approve</button>\n\
         <button name=\"outcome\" value=\"fail\">Fail</button>\n</form>\n\
         <p class=\"note\">A test page. No money moves.</p>",
        question = escaped(&asked.question()),
        secret = escaped(asked.client_secret()),
        id = escaped(id),
        base_path = escaped(base_path),
    );
    page(StatusCode::OK, &body, None, asked.return_url().as_deref())
}

fn done_page(id: &str, asked: &Asked) -> Response {
    let status = asked.status();
    let said = match status {
        "succeeded" => "The payment was approved.",
        "processing" => "The payment was approved and is being processed.",
        _ => "The payment was not approved.",
    };
    let body = format!("<h1>Done</h1>\n<p role=\"status\">{said} You may close this page.</p>");
    // Ids and states are ASCII words, so they need no escaping inside a script.
    let script = format!(
        "if (window.parent !== window) window.parent.postMessage(\
         {{source: \"sandbox-3ds\", {kind}: \"{id}\", status: \"{status}\"}}, \"*\");",
        kind = asked.kind(),
    );
    page(StatusCode::OK, &body, Some(&script), None)
}

fn error_page(error: &ApiError) -> Response {
    let status = StatusCode::from_u16(error.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let body = "<h1>Sandbox Bank</h1>\n<p role=\"alert\">There is nothing to approve here. The \
                link may be incomplete or too old.</p>";
    page(status, body, None, None)
}

/// One small page with a policy of its own: nothing from outside, its one script by nonce, and
/// only the shop around it.
fn page(
    status: StatusCode,
    body: &str,
    script: Option<&str>,
    return_url: Option<&str>,
) -> Response {
    let nonce = random_text(24);
    let script = script.map_or_else(String::new, |script| {
        format!("<script nonce=\"{nonce}\">{script}</script>\n")
    });
    let html = format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <title>Sandbox Bank</title>\n<style nonce=\"{nonce}\">{STYLE}</style>\n</head>\n\
         <body>\n<main aria-label=\"Sandbox Bank\">\n{body}\n</main>\n{script}</body>\n</html>\n"
    );
    // A form may lead on to the return address, and browsers check that against `form-action`.
    let onward = return_url.and_then(origin_of).unwrap_or_default();
    let policy = format!(
        "default-src 'none'; style-src 'nonce-{nonce}'; script-src 'nonce-{nonce}'; \
         form-action 'self' {onward}; frame-ancestors 'self'; base-uri 'none'"
    );
    let mut headers = HeaderMap::new();
    headers.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("text/html; charset=utf-8"),
    );
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(
        header::REFERRER_POLICY,
        HeaderValue::from_static("no-referrer"),
    );
    headers.insert(
        header::X_CONTENT_TYPE_OPTIONS,
        HeaderValue::from_static("nosniff"),
    );
    headers.insert(
        header::X_FRAME_OPTIONS,
        HeaderValue::from_static("SAMEORIGIN"),
    );
    if let Ok(policy) = HeaderValue::from_str(policy.trim()) {
        headers.insert(header::CONTENT_SECURITY_POLICY, policy);
    }
    (status, headers, html).into_response()
}

const STYLE: &str = "\
:root{color-scheme:light dark;font:16px/1.5 system-ui,sans-serif}\
body{margin:0;display:grid;place-items:center;min-height:100vh;background:Canvas;color:CanvasText}\
main{max-width:22rem;padding:1.5rem;text-align:center}\
h1{font-size:1.25rem;margin:0 0 .5rem}\
form{display:flex;gap:.75rem;justify-content:center;flex-wrap:wrap}\
button{font:inherit;min-height:44px;padding:.5rem 1.25rem;border-radius:8px;\
border:1px solid currentColor;background:transparent;color:inherit;cursor:pointer}\
button.approve{background:#15803d;border-color:#15803d;color:#fff}\
button:focus-visible{outline:3px solid Highlight;outline-offset:2px}\
.note{font-size:.875rem}";

/// `https://shop.example:8443` of an address, if it is one that a policy can name.
fn origin_of(url: &str) -> Option<String> {
    let (scheme, rest) = url.split_once("://")?;
    let host = rest.split(['/', '?', '#']).next()?;
    let plain = host
        .bytes()
        .all(|b| b.is_ascii_alphanumeric() || b".-:[]".contains(&b));
    (plain && !host.is_empty()).then(|| format!("{scheme}://{host}"))
}

fn money(cents: i64, currency: &str) -> String {
    let amount = format!("{}.{:02}", cents / 100, cents % 100);
    match currency {
        "usd" => format!("${amount}"),
        "eur" => format!("€{amount}"),
        "gbp" => format!("£{amount}"),
        other => format!("{amount} {}", other.to_ascii_uppercase()),
    }
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn money_reads_as_people_write_it() {
        assert_eq!(money(2_500, "usd"), "$25.00");
        assert_eq!(money(5, "chf"), "0.05 CHF");
    }

    #[test]
    fn only_a_plain_origin_gets_into_the_policy() {
        assert_eq!(
            origin_of("http://127.0.0.1:3000/a?b").as_deref(),
            Some("http://127.0.0.1:3000")
        );
        assert_eq!(origin_of("https://a;script-src *"), None);
        assert_eq!(origin_of("nothing"), None);
    }
}
