use leptos::prelude::*;
use leptos_router::hooks::use_location;

use crate::browser;
use crate::components::page_header::PAGE_HEADING;
#[cfg(not(feature = "ssr"))]
use crate::layout::stripe_script::StripeScript;

/// After a client-side navigation the focus goes to the new page's heading: a screen reader
/// reads where one is, and Tab goes on from there. The first page leaves the focus to the browser.
///
/// Out of a page that pays the new page is loaded from the server, and with it a content policy that
/// keeps the gateway's script out.
#[component]
pub fn PageChange() -> impl IntoView {
    let pathname = use_location().pathname;
    Effect::new(move |previous: Option<String>| {
        let current = pathname.get();
        #[cfg(not(feature = "ssr"))]
        if StripeScript::is_too_wide_for(&current) {
            browser::reload_after_navigation();
            return current;
        }
        if previous.is_some_and(|previous| previous != current) {
            browser::focus_after_render(PAGE_HEADING);
        }
        current
    });
}
