use leptos::prelude::*;
use leptos_router::hooks::use_location;

use crate::browser;
use crate::components::page_header::PAGE_HEADING;

/// After a client-side navigation the focus goes to the new page's heading: a screen reader
/// reads where one is, and Tab goes on from there. The first page leaves the focus to the browser.
#[component]
pub fn PageChange() -> impl IntoView {
    let pathname = use_location().pathname;
    Effect::new(move |previous: Option<String>| {
        let current = pathname.get();
        if previous.is_some_and(|previous| previous != current) {
            browser::focus_after_render(PAGE_HEADING);
        }
        current
    });
}
