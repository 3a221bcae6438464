use leptos::form::ActionForm;
use leptos::prelude::*;
use leptos_meta::Title;
use leptos_router::hooks::use_query_map;

use crate::browser;
use crate::components::icon::Mark;
use crate::components::notice::{Notice, NoticeKind};
use crate::server_fns::refusal::take_refusal;
use crate::server_fns::session::{SIGN_IN_FORM, SignIn};

const PROBLEM: &str = "sign-in-problem";

/// Email and password. The message of a refusal never says which of the two was wrong.
#[component]
pub fn SignInPage() -> impl IntoView {
    let sign_in = ServerAction::<SignIn>::new();
    let next = use_query_map()
        .with_untracked(|query| query.get("next"))
        .unwrap_or_default();
    // Shared with the browser, so that it takes over the page as the server rendered it.
    let refusal = SharedValue::new(|| take_refusal(SIGN_IN_FORM)).into_inner();
    let email = refusal
        .as_ref()
        .and_then(|refusal| refusal.typed("email"))
        .unwrap_or_default();
    let (email, refused) = (email.to_owned(), refusal.map(|refusal| refusal.message));
    let message = Memo::new(move |_| match sign_in.value().get() {
        Some(Err(error)) => Some(error.to_string()),
        Some(Ok(())) => None,
        None => refused.clone(),
    });
    Effect::new(move || {
        if sign_in.value().with(|value| matches!(value, Some(Err(_)))) {
            browser::focus_after_render(PROBLEM);
        }
    });
    let pending = sign_in.pending();
    view! {
        <Title text="Sign in"/>
        <main class="sign-in">
            <div class="sign-in-brand"><Mark/><span>"ZeroGPU"</span></div>
            <h1>"Sign in"</h1>
            <p class="page-purpose">"Credit, cards and billing history of your organization."</p>
            <ActionForm action=sign_in>
                <div class="form">
                    {move || message.get().map(|message| view! {
                        <Notice kind=NoticeKind::Bad id=PROBLEM>{message}</Notice>
                    })}
                    <input type="hidden" name="next" value=next/>
                    <div class="field">
                        <label for="email">"Email"</label>
                        <input
                            id="email"
                            name="email"
                            type="email"
                            autocomplete="username"
                            required
                            value=email
                        />
                    </div>
                    <div class="field">
                        <label for="password">"Password"</label>
                        <input
                            id="password"
                            name="password"
                            type="password"
                            autocomplete="current-password"
                            required
                        />
                    </div>
                    <button
                        type="submit"
                        class="button button-primary"
                        disabled=move || pending.get()
                        class:working=move || pending.get()
                    >
                        <span>"Sign in"</span>
                    </button>
                </div>
            </ActionForm>
        </main>
    }
    .into_any()
}
