//! What pages and server functions find in their context.

use app::ssr::{ClientAddress, CurrentSession, SiteOptions, stripe_script};
use http::request;
use leptos::nonce::use_nonce;
use leptos::prelude::{provide_context, use_context};
use leptos_axum::ResponseOptions;

use super::policy;
use crate::parts::Parts;

/// Runs for every page and server function, with the request at hand.
pub(super) fn provider(parts: Parts) -> impl Fn() + Clone + Send + Sync + 'static {
    let options = SiteOptions {
        secure_cookies: parts.web.secure_cookies,
        dev_reload: parts.web.dev,
        payments: parts.web.payments,
        stripe_script: parts.web.stripe_script,
    };
    move || {
        provide_context(parts.billing.clone());
        provide_context(options);
        if let Some(request) = use_context::<request::Parts>() {
            let session = request.extensions.get::<CurrentSession>();
            provide_context(session.cloned().unwrap_or(CurrentSession(None)));
            if let Some(address) = request.extensions.get::<ClientAddress>() {
                provide_context(address.clone());
            }
        }
        // Only pages have a nonce; the policy must carry the one that the page carries.
        if let (Some(nonce), Some(response)) = (use_nonce(), use_context::<ResponseOptions>()) {
            policy::of_page(&nonce, stripe_script(), &response);
        }
    }
}
