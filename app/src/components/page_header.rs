use leptos::prelude::*;

/// The id of a page's heading, where the focus goes when the page changes.
pub const PAGE_HEADING: &str = "page-heading";

/// A page's title, one line of purpose, and what stands above them.
#[component]
pub fn PageHeader(
    title: &'static str,
    purpose: &'static str,
    #[prop(optional)] above: Option<AnyView>,
) -> impl IntoView {
    view! {
        <header class="page-header">
            {above}
            <div>
                <h1 id=PAGE_HEADING tabindex="-1">{title}</h1>
                <p class="page-purpose">{purpose}</p>
            </div>
        </header>
    }
    .into_any()
}
