use leptos::either::Either;
use leptos::prelude::*;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::icon::{Glyph, Icon};
use crate::error::AppError;

/// A page's way in: a skeleton while it loads, one presentation of errors, its content.
#[component]
pub fn Load<T, Content, Page>(
    resource: Resource<Result<T, AppError>>,
    /// Stands where the content will, at its height.
    #[prop(into)]
    skeleton: ViewFnOnce,
    content: Content,
) -> impl IntoView
where
    T: Clone + Send + Sync + Serialize + DeserializeOwned + 'static,
    Content: Fn(T) -> Page + Clone + Send + Sync + 'static,
    Page: IntoView + 'static,
{
    view! {
        <Suspense fallback=skeleton>
            {move || {
                let content = content.clone();
                Suspend::new(async move {
                    match resource.await {
                        Ok(loaded) => Either::Left(content(loaded)),
                        Err(error) => {
                            let retry = Callback::new(move |()| resource.refetch());
                            Either::Right(view! { <Failure error retry/> })
                        }
                    }
                })
            }}
        </Suspense>
    }
    .into_any()
}

/// What a page shows when it has no answer: what happened, and the way on.
#[component]
pub fn Failure(error: AppError, #[prop(into)] retry: Callback<()>) -> impl IntoView {
    if error == AppError::SignedOut {
        return view! { <SignedOut/> }.into_any();
    }
    let title = match error {
        AppError::NotAllowed { .. } => "You may not see this",
        AppError::NotFound { .. } => "Nothing is here",
        AppError::Throttled { .. } => "Too many requests",
        AppError::SignedOut
        | AppError::Conflict { .. }
        | AppError::Invalid { .. }
        | AppError::Unknown { .. }
        | AppError::Broken { .. } => "This page could not be loaded",
    };
    view! {
        <section class="failure" role="alert">
            <Icon glyph=Glyph::Alert/>
            <h2>{title}</h2>
            <p>{error.to_string()}</p>
            // Without script the link reloads the page; with it only what failed is asked again.
            <a
                class="button"
                href=""
                rel="external"
                on:click=move |event| {
                    event.prevent_default();
                    retry.run(());
                }
            >
                "Try again"
            </a>
        </section>
    }
    .into_any()
}

/// The session ended while the page was open: sign in and come back to it.
#[component]
fn SignedOut() -> impl IntoView {
    let location = leptos_router::hooks::use_location();
    let here = location.pathname.get_untracked();
    let sign_in = format!(
        "/login?next={}",
        leptos_router::location::Url::escape(&here)
    );
    #[cfg(feature = "ssr")]
    crate::ssr::go(&sign_in);
    let target = sign_in.clone();
    Effect::new(move || {
        // A whole new page: nothing of the ended session may stay in memory.
        let _ = window().location().replace(&target);
    });
    view! {
        <section class="failure">
            <p>"Your session has ended."</p>
            <a class="button" href=sign_in rel="external">"Sign in again"</a>
        </section>
    }
    .into_any()
}
