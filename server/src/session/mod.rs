//! Who is signed in, found once a request.
//!
//! Owns reading the cookie and handing the session on. Does not own sessions (`billing`) or the
//! cookie's form (`app::ssr`).

pub(crate) mod guard;

use std::net::{IpAddr, SocketAddr};

use app::ssr::{ClientAddress, CurrentSession, SessionContext, session_token};
use axum::extract::{ConnectInfo, Request, State};
use axum::middleware::Next;
use axum::response::Response;
use http::{Extensions, HeaderMap, HeaderName};

use crate::parts::Parts;
use crate::web::trouble::{self, Asked};

/// Our tokens are far shorter; what is longer is not worth hashing.
const MAX_TOKEN_BYTES: usize = 256;
/// Whoever signs out is signed out in this browser, whatever is not known about them.
const SIGN_OUT: &str = "/api/sign_out";

/// Puts the session and the client's address beside the request.
pub(crate) async fn find(State(parts): State<Parts>, mut request: Request, next: Next) -> Response {
    let token = session_token(request.headers(), parts.web.secure_cookies)
        .filter(|token| token.len() <= MAX_TOKEN_BYTES);
    let session = match token {
        None => None,
        Some(token) => match parts.billing.sessions().find(&token).await {
            Ok(viewer) => viewer.map(|viewer| SessionContext { viewer, token }),
            Err(error) if request.uri().path() == SIGN_OUT => {
                // Its cookie goes all the same, and it ends by itself a week after its last use.
                tracing::error!(%error, "a session was not ended");
                None
            }
            Err(error) => {
                let asked = Asked::of(request.method(), request.uri(), request.headers());
                return trouble::unknown_visitor(&asked, error, &parts.leptos);
            }
        },
    };
    let address = client_address(&parts, request.headers(), request.extensions());
    request.extensions_mut().insert(CurrentSession(session));
    request.extensions_mut().insert(ClientAddress(address));
    next.run(request).await
}

/// Who is at the other end, as far as a proxy of ours can be believed.
fn client_address(parts: &Parts, headers: &HeaderMap, extensions: &Extensions) -> String {
    if let Some(name) = &parts.web.client_address_header
        && let Some(address) = last_address(headers, name)
    {
        return address;
    }
    extensions.get::<ConnectInfo<SocketAddr>>().map_or_else(
        || "unknown".to_owned(),
        |ConnectInfo(addr)| canonical(addr.ip()),
    )
}

/// A listener for both versions of IP shows an IPv4 client as an IPv6 address. All of them are in
/// one network there, and would be throttled as one client.
fn canonical(ip: IpAddr) -> String {
    ip.to_canonical().to_string()
}

/// The last entry is the one that our own proxy wrote; those before it came from outside.
fn last_address(headers: &HeaderMap, name: &HeaderName) -> Option<String> {
    let value = headers.get_all(name).iter().next_back()?.to_str().ok()?;
    let address = value.rsplit(',').next()?.trim();
    let usable = !address.is_empty() && address.len() <= 64;
    // Some proxies write the port, too, and brackets around IPv6.
    let ip = address
        .parse::<SocketAddr>()
        .map(|address| address.ip())
        .or_else(|_| address.trim_matches(['[', ']']).parse());
    usable.then(|| ip.map_or_else(|_| address.to_owned(), canonical))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_last_address_was_written_by_our_proxy() {
        let name = HeaderName::from_static("x-forwarded-for");
        let headers = |value: &'static str| {
            HeaderMap::from_iter([(name.clone(), http::HeaderValue::from_static(value))])
        };
        let read = |value| last_address(&headers(value), &name);
        assert_eq!(read("6.6.6.6, 203.0.113.9").as_deref(), Some("203.0.113.9"));
        assert_eq!(read("203.0.113.9").as_deref(), Some("203.0.113.9"));
        assert_eq!(read(""), None);
    }

    #[test]
    fn an_ipv4_client_is_the_same_however_it_is_written() {
        let name = HeaderName::from_static("x-forwarded-for");
        for value in [
            "203.0.113.9",
            "::ffff:203.0.113.9",
            "203.0.113.9:51000",
            "[::ffff:203.0.113.9]:51000",
        ] {
            let headers = HeaderMap::from_iter([(name.clone(), value.parse().unwrap())]);
            assert_eq!(
                last_address(&headers, &name).as_deref(),
                Some("203.0.113.9"),
                "{value}"
            );
        }
        assert_eq!(
            canonical("::ffff:203.0.113.9".parse().unwrap()),
            "203.0.113.9"
        );
        assert_eq!(canonical("2001:db8::5".parse().unwrap()), "2001:db8::5");
    }
}
