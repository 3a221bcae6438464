use leptos::prelude::*;

/// The id of a page's heading, where the focus goes when the page changes.
pub const PAGE_HEADING: &str = "page-heading";

/// A page's title, one line of purpose, and what stands above or beside them.
#[component]
pub fn PageHeader(
    title: &'static str,
    purpose: &'static str,
    #[prop(optional)] above: Option<AnyView>,
    #[prop(optional)] children: Option<Children>,
) -> impl IntoView {
    view! {
        <header class="page-header">
            {above}
            <div class="page-header-row">
                <div>
                    <h1 id=PAGE_HEADING tabindex="-1">{title}</h1>
                    <p class="page-purpose">{purpose}</p>
                </div>
                {children.map(|children| children())}
            </div>
        </header>
    }
    .into_any()
}
