//! What the server gives to pages and server functions, and the only door to the domain.
//!
//! Owns the context types, the session cookie's name and form, and how a request is answered.
//! Does not decide who is signed in (the server's session layer does) nor any rule about money.

mod cookies;
mod form;
mod reply;

use leptos::prelude::use_context;
use types::tenancy::Viewer;

use crate::error::AppError;
use crate::server_fns::page_client::ORGANIZATION_HEADER;

pub use crate::layout::payments_mode::PaymentsMode;
pub use crate::layout::stripe_script::StripeScript;
pub use billing::Billing;
pub use billing::StartRefund;
pub use billing::StartTopUp;
pub use cookies::{clear_session_cookie, session_cookie_name, session_token, set_session_cookie};
pub use form::{Form, take_refusal};
pub use reply::{go, keep_page, local_path, referring_path, respond, set_theme, theme};

/// Who is signed in, as the session layer found it.
#[derive(Debug, Clone)]
pub struct CurrentSession(pub Option<SessionContext>);

/// A session that is in force for this request.
#[derive(Debug, Clone)]
pub struct SessionContext {
    pub viewer: Viewer,
    /// The cookie's value: needed to sign out.
    pub token: String,
}

/// Where the request came from, for throttling sign-ins.
#[derive(Debug, Clone)]
pub struct ClientAddress(pub String);

/// How this installation is served.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SiteOptions {
    /// Cookies carry `Secure` and the `__Host-` prefix. Off only for plain HTTP on loopback.
    pub secure_cookies: bool,
    /// Pages reload themselves when the server was rebuilt.
    pub dev_reload: bool,
    /// Whether the payments of this installation move money.
    pub payments: PaymentsMode,
    /// Stripe's script draws the card fields.
    pub stripe_script: bool,
}

/// The domain. Absent while the router lists the routes, hence an error and not a panic.
pub fn billing() -> Result<Billing, AppError> {
    use_context().ok_or_else(AppError::broken)
}

/// The session of this request.
pub fn session() -> Result<SessionContext, AppError> {
    let CurrentSession(session) = use_context().ok_or_else(AppError::broken)?;
    session.ok_or(AppError::SignedOut)
}

/// Who is asking: every server function about an organization starts here. A page that shows another
/// organization than the session's is told so, before anything is read or done.
pub fn viewer() -> Result<Viewer, AppError> {
    let viewer = session()?.viewer;
    match shown_organization() {
        Some(shown) if shown != viewer.organization.to_string() => Err(AppError::OtherOrganization),
        Some(_) | None => Ok(viewer),
    }
}

/// Whose page asks; nobody says so who asks for a whole page.
fn shown_organization() -> Option<String> {
    let parts = use_context::<http::request::Parts>()?;
    let shown = parts.headers.get(ORGANIZATION_HEADER)?.to_str().ok()?;
    Some(shown.to_owned())
}

/// For throttling; unknown addresses share one bucket.
pub fn client_address() -> String {
    use_context::<ClientAddress>().map_or_else(|| "unknown".to_owned(), |address| address.0)
}

/// Secure unless the server said otherwise.
pub fn site_options() -> SiteOptions {
    use_context().unwrap_or(SiteOptions {
        secure_cookies: true,
        dev_reload: false,
        payments: PaymentsMode::Live,
        stripe_script: false,
    })
}

/// Whether Stripe's script may run in the document that is being made.
pub fn stripe_script() -> StripeScript {
    let path = || use_context::<http::request::Parts>().map(|parts| parts.uri.path().to_owned());
    if site_options().stripe_script {
        path().map_or(StripeScript::Elsewhere, |path| StripeScript::at(&path))
    } else {
        StripeScript::Unused
    }
}
