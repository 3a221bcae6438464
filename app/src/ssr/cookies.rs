//! Cookies: how they are read from a request and written to a response.

use http::header::{COOKIE, HeaderMap, HeaderValue, SET_COOKIE};
use http::request::Parts;
use leptos::prelude::use_context;
use leptos_axum::ResponseOptions;
use types::time::Timestamp;

use super::site_options;

/// `__Host-`: the browser takes it only over TLS, for this host alone and for every path.
/// Plain HTTP on loopback cannot have it.
#[must_use]
pub const fn session_cookie_name(secure_cookies: bool) -> &'static str {
    if secure_cookies {
        "__Host-session"
    } else {
        "session"
    }
}

/// A name that browsers accept from this host alone, where they can.
pub(super) fn host_name(name: &str) -> String {
    if site_options().secure_cookies {
        format!("__Host-{name}")
    } else {
        name.to_owned()
    }
}

/// The session's token, if the request carries one.
#[must_use]
pub fn session_token(headers: &HeaderMap, secure_cookies: bool) -> Option<String> {
    find(headers, session_cookie_name(secure_cookies)).map(str::to_owned)
}

/// Signs the browser in until `expires_at`.
pub fn set_session_cookie(token: &str, expires_at: Timestamp) {
    let expires = expires_at.format("%a, %d %b %Y %H:%M:%S GMT");
    let name = session_cookie_name(site_options().secure_cookies);
    write(name, token, &format!("HttpOnly; Expires={expires}"));
}

/// Signs the browser out.
pub fn clear_session_cookie() {
    forget(session_cookie_name(site_options().secure_cookies));
}

/// One cookie of a request. The first of a name counts, as browsers send the most specific first.
pub(super) fn find<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers
        .get_all(COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(';'))
        .filter_map(|pair| pair.trim().split_once('='))
        .find_map(|(key, value)| (key == name && !value.is_empty()).then_some(value))
}

/// One cookie of the request that is being answered.
pub(super) fn read(name: &str) -> Option<String> {
    let parts = use_context::<Parts>()?;
    find(&parts.headers, name).map(str::to_owned)
}

/// Sets a cookie for the whole site; `attributes` says how long and for whom.
pub(super) fn write(name: &str, value: &str, attributes: &str) {
    let secure = if site_options().secure_cookies {
        "; Secure"
    } else {
        ""
    };
    let cookie = format!("{name}={value}; Path=/; SameSite=Lax{secure}; {attributes}");
    // A value that is no header could only come from outside; without it nothing is granted.
    if let (Some(response), Ok(cookie)) = (
        use_context::<ResponseOptions>(),
        HeaderValue::from_str(&cookie),
    ) {
        response.append_header(SET_COOKIE, cookie);
    }
}

pub(super) fn forget(name: &str) {
    write(name, "", "HttpOnly; Max-Age=0");
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(cookie: &'static str) -> HeaderMap {
        HeaderMap::from_iter([(COOKIE, HeaderValue::from_static(cookie))])
    }

    #[test]
    fn a_cookie_is_found_by_its_whole_name() {
        let headers = headers("xsession=a; session=b ; session=c; empty=");
        assert_eq!(find(&headers, "session"), Some("b"));
        assert_eq!(find(&headers, "empty"), None);
        assert_eq!(session_token(&headers, false).as_deref(), Some("b"));
        assert_eq!(session_token(&headers, true), None);
    }
}
