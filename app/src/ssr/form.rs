//! Forms that work without script: a post is answered with 303 to a page, and what was refused
//! travels to that page in a short-lived cookie of the form's own, so that nothing typed is lost
//! and no address can carry a message that we did not write.
//!
//! | the answer | leads to | with |
//! | --- | --- | --- |
//! | it was done | `then` | |
//! | refused: nothing was done | the form again | message and what was typed |
//! | not definite | the page that says what became of it | the same, in case it was not done |
//! | signed out | the sign-in, and from there to the form | what was typed |

use http::header::ACCEPT;
use http::request::Parts;
use leptos::prelude::use_context;
use leptos_router::location::Url;

use super::{cookies, go, respond};
use crate::error::AppError;
use crate::server_fns::refusal::Refusal;
use crate::server_fns::session::SIGN_IN_FORM;

/// Long enough to sign in again, short enough that a later visit starts clean.
const COOKIE_ATTRIBUTES: &str = "HttpOnly; Max-Age=300";
/// Browsers keep at most 4,096 bytes a cookie; what is longer than this was not typed by hand.
const LONGEST_VALUE: usize = 512;

/// A form as its server function sees it.
pub struct Form<'a> {
    /// Tells the forms of a page apart.
    pub name: &'a str,
    /// The page that shows the form again.
    pub back: &'a str,
    /// The page that says what became of it, where that is not known at once.
    pub unsure: &'a str,
    /// What was typed, to be shown again. Never a secret.
    pub typed: &'a [(&'a str, &'a str)],
}

impl Form<'_> {
    /// Answers the post: with script the result itself; without, 303 to where it goes on.
    pub fn answer<T>(
        self,
        result: Result<T, AppError>,
        then: impl FnOnce(&T) -> String,
    ) -> Result<T, AppError> {
        if !is_plain_post() {
            return respond(result);
        }
        match &result {
            Ok(value) => go(&then(value)),
            Err(AppError::SignedOut) => {
                self.keep(&Refusal::default());
                refuse_sign_in(&AppError::SignedOut.to_string());
                go(&format!("/login?next={}", Url::escape(self.back)));
            }
            Err(error) => {
                self.keep(&Refusal {
                    message: error.to_string(),
                    field: error.field().map(str::to_owned),
                    typed: Vec::new(),
                });
                go(if error.is_refusal() {
                    self.back
                } else {
                    self.unsure
                });
            }
        }
        result
    }

    /// Keeps a refusal for the next page, with what was typed.
    fn keep(&self, refusal: &Refusal) {
        let typed = self
            .typed
            .iter()
            .filter(|(_, value)| value.len() <= LONGEST_VALUE)
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        let refusal = Refusal {
            typed: typed.collect(),
            ..refusal.clone()
        };
        write(self.name, &refusal);
    }
}

/// Says at the sign-in why the person is there.
fn refuse_sign_in(message: &str) {
    let refusal = Refusal {
        message: message.to_owned(),
        ..Refusal::default()
    };
    write(SIGN_IN_FORM, &refusal);
}

/// What the last post of the form was refused for, once.
pub fn take_refusal(form: &str) -> Option<Refusal> {
    let name = cookie_name(form);
    let cookie = cookies::read(&name)?;
    cookies::forget(&name);
    Some(decode(&cookie))
}

fn write(form: &str, refusal: &Refusal) {
    cookies::write(&cookie_name(form), &encode(refusal), COOKIE_ATTRIBUTES);
}

/// Bound to this host like the session: a neighbour under the same domain must not put words into
/// our forms.
fn cookie_name(form: &str) -> String {
    cookies::host_name(&format!("refused-{form}"))
}

fn encode(refusal: &Refusal) -> String {
    let mut pairs = form_urlencoded::Serializer::new(String::new());
    pairs.append_pair("message", &refusal.message);
    if let Some(field) = &refusal.field {
        pairs.append_pair("field", field);
    }
    for (name, value) in &refusal.typed {
        pairs.append_pair(&format!("typed.{name}"), value);
    }
    pairs.finish()
}

fn decode(cookie: &str) -> Refusal {
    let mut refusal = Refusal::default();
    for (name, value) in form_urlencoded::parse(cookie.as_bytes()) {
        match (&*name, name.strip_prefix("typed.")) {
            ("message", _) => refusal.message = value.into_owned(),
            ("field", _) => refusal.field = Some(value.into_owned()),
            (_, Some(field)) => refusal.typed.push((field.to_owned(), value.into_owned())),
            (_, None) => {}
        }
    }
    refusal
}

/// A browser that posts a form by itself asks for a page; our script asks for data.
fn is_plain_post() -> bool {
    use_context::<Parts>().is_some_and(|parts| {
        parts.method == http::Method::POST
            && parts
                .headers
                .get(ACCEPT)
                .and_then(|accept| accept.to_str().ok())
                .is_some_and(|accept| accept.contains("text/html"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_survives_its_cookie() {
        let refusal = Refusal {
            message: "No; “really”.".into(),
            field: Some("email".into()),
            typed: vec![("email".into(), "a;b@c.d & e".into())],
        };
        let cookie = encode(&refusal);
        assert!(
            cookie
                .bytes()
                .all(|byte| byte.is_ascii_graphic() && byte != b';')
        );
        assert_eq!(decode(&cookie), refusal);
    }
}
