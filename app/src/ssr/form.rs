//! Forms that work without script: a post is answered with 303 to a page, and what was refused
//! travels to that page in a short-lived cookie, so that nothing typed is lost and no address
//! can carry a message that we did not write.

use http::header::ACCEPT;
use http::request::Parts;
use leptos::prelude::use_context;

use super::{cookies, go, respond};
use crate::error::AppError;
use crate::server_fns::refusal::Refusal;

const COOKIE_NAME: &str = "refused";
/// Long enough for a slow redirect, short enough that a later visit starts clean.
const COOKIE_ATTRIBUTES: &str = "HttpOnly; Max-Age=60";
/// Browsers keep at most 4,096 bytes a cookie; what is longer than this was not typed by hand.
const LONGEST_VALUE: usize = 512;

/// A form as its server function sees it.
pub struct Form<'a> {
    /// Tells the forms of a page apart.
    pub name: &'a str,
    /// The page that shows the form again.
    pub back: &'a str,
    /// What was typed, to be shown again. Never a secret.
    pub typed: &'a [(&'a str, &'a str)],
}

impl Form<'_> {
    /// Answers the post: with script the result itself; without, 303 to `then` or back to the form.
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
            Err(AppError::SignedOut) => go("/login"),
            Err(error) => {
                cookies::write(COOKIE_NAME, &self.refusal(error), COOKIE_ATTRIBUTES);
                go(self.back);
            }
        }
        result
    }

    fn refusal(&self, error: &AppError) -> String {
        let mut pairs = form_urlencoded::Serializer::new(String::new());
        pairs
            .append_pair("form", self.name)
            .append_pair("message", &error.to_string());
        if let AppError::Invalid {
            field: Some(field), ..
        } = error
        {
            pairs.append_pair("field", field);
        }
        for (name, value) in self.typed {
            if value.len() <= LONGEST_VALUE {
                pairs.append_pair(&format!("typed.{name}"), value);
            }
        }
        pairs.finish()
    }
}

/// What the last post of the form was refused for, once.
pub fn take_refusal(form: &str) -> Option<Refusal> {
    let cookie = cookies::read(COOKIE_NAME)?;
    let refusal = read_refusal(&cookie);
    (refusal.form == form).then(|| {
        cookies::forget(COOKIE_NAME);
        refusal
    })
}

fn read_refusal(cookie: &str) -> Refusal {
    let mut refusal = Refusal::default();
    for (name, value) in form_urlencoded::parse(cookie.as_bytes()) {
        match (&*name, name.strip_prefix("typed.")) {
            ("form", _) => refusal.form = value.into_owned(),
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
        let form = Form {
            name: "sign_in",
            back: "/login",
            typed: &[("email", "a;b@c.d & e")],
        };
        let error = AppError::Invalid {
            message: "No; “really”.".into(),
            field: Some("email".into()),
        };
        let cookie = form.refusal(&error);
        assert!(
            cookie
                .bytes()
                .all(|byte| byte.is_ascii_graphic() && byte != b';')
        );
        let read = read_refusal(&cookie);
        assert_eq!(read.message, "No; “really”.");
        assert_eq!(read.field.as_deref(), Some("email"));
        assert_eq!(read.typed("email"), Some("a;b@c.d & e"));
    }
}
