//! Who is signed in, found once a request.
//!
//! Owns reading the cookie and handing the session on. Does not own sessions (`billing`) or the
//! cookie's form (`app::ssr`).

pub(crate) mod guard;

use std::net::SocketAddr;

use app::ssr::{ClientAddress, CurrentSession, SessionContext, session_token};
use axum::extract::{ConnectInfo, Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::{Extensions, HeaderMap, HeaderName};

use crate::parts::Parts;
use crate::rest::error::ApiError;

/// Our tokens are far shorter; what is longer is not worth hashing.
const MAX_TOKEN_BYTES: usize = 256;

/// Puts the session and the client's address beside the request.
pub(crate) async fn find(State(parts): State<Parts>, mut request: Request, next: Next) -> Response {
    let token = session_token(request.headers(), parts.web.secure_cookies)
        .filter(|token| token.len() <= MAX_TOKEN_BYTES);
    let session = match token {
        None => None,
        Some(token) => match parts.billing.sessions().find(&token).await {
            Ok(viewer) => viewer.map(|viewer| SessionContext { viewer, token }),
            Err(error) => return ApiError::from(error).into_response(),
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
        |ConnectInfo(addr)| addr.ip().to_string(),
    )
}

/// The last entry is the one that our own proxy wrote; those before it came from outside.
fn last_address(headers: &HeaderMap, name: &HeaderName) -> Option<String> {
    let value = headers.get_all(name).iter().next_back()?.to_str().ok()?;
    let address = value.rsplit(',').next()?.trim();
    (!address.is_empty() && address.len() <= 64).then(|| address.to_owned())
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
}
