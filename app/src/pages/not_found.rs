use leptos::prelude::*;
use leptos_meta::Title;

use crate::components::icon::Mark;

/// Nothing stands at this address.
#[component]
pub fn NotFound() -> impl IntoView {
    #[cfg(feature = "ssr")]
    let _ = crate::ssr::respond::<()>(Err(crate::error::AppError::NotFound {
        message: "no such page".to_owned(),
        field: None,
    }));
    view! {
        <Title text="Page not found"/>
        <main class="lone">
            <Mark/>
            <h1>"This page does not exist"</h1>
            <p>"The address may be old or mistyped. Your credit and cards are on the Billing page."</p>
            <a class="button" href="/billing">"Go to Billing"</a>
        </main>
    }
    .into_any()
}
