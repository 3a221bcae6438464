use leptos::either::Either;
use leptos::prelude::*;
use leptos::task::spawn_local;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::icon::{Glyph, Icon};
use super::problem::{explained, sign_in_path};
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
    let shown = RwSignal::new(error);
    Effect::new(move || {
        if shown.get_untracked() == AppError::Unreadable {
            spawn_local(async move {
                shown.try_set(explained(AppError::Unreadable).await);
            });
        }
    });
    view! {
        <section class="failure" role="alert">
            <Icon glyph=Glyph::Alert/>
            <h2>{move || shown.with(title)}</h2>
            <p>{move || shown.with(AppError::to_string)}</p>
            // Without script the link reloads the page; with it only what failed is asked again.
            <a
                class="button"
                href=""
                rel="external"
                on:click=move |event| {
                    if !shown.with_untracked(is_outdated) {
                        event.prevent_default();
                        retry.run(());
                    }
                }
            >
                {move || if shown.with(is_outdated) { "Reload" } else { "Try again" }}
            </a>
        </section>
    }
    .into_any()
}

/// Whether only a new page helps.
const fn is_outdated(error: &AppError) -> bool {
    matches!(error, AppError::Outdated | AppError::OtherOrganization)
}

const fn title(error: &AppError) -> &'static str {
    match error {
        AppError::NotAllowed { .. } => "You may not see this",
        AppError::NotFound { .. } => "Nothing is here",
        AppError::Throttled { .. } => "Too many requests",
        AppError::Outdated | AppError::OtherOrganization => "This page is out of date",
        AppError::SignedOut
        | AppError::Conflict { .. }
        | AppError::Invalid { .. }
        | AppError::Unknown { .. }
        | AppError::Broken { .. }
        | AppError::Unreadable => "This page could not be loaded",
    }
}

/// The session ended while the page was open: sign in and come back to it.
#[component]
fn SignedOut() -> impl IntoView {
    let location = leptos_router::hooks::use_location();
    let (path, query) = (
        location.pathname.get_untracked(),
        location.search.get_untracked(),
    );
    let here = if query.is_empty() {
        path
    } else {
        format!("{path}?{query}")
    };
    let sign_in = sign_in_path(&here);
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
