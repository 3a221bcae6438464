use leptos::html;
use leptos::prelude::*;
use leptos::task::spawn_local;
use types::payment::TokenizerView;

use crate::browser::stripe::{self, Drawing, Purpose};
use crate::components::notice::{Notice, NoticeKind};

/// Stripe's Payment Element. What is entered lives in Stripe's frame alone: closing the dialog
/// forgets it.
#[component]
pub fn StripeElement(tokenizer: TokenizerView, purpose: Signal<Purpose>) -> impl IntoView {
    let host = NodeRef::<html::Div>::new();
    let drawing = RwSignal::new(Drawing::Loading);
    let tokenizer = StoredValue::new(tokenizer);
    let draw = move || {
        let Some(host) = host.get_untracked() else {
            return;
        };
        let tokenizer = tokenizer.get_value();
        spawn_local(async move {
            let tell = move |come| {
                drawing.try_set(come);
            };
            stripe::mount(&tokenizer, || purpose.try_get_untracked(), &host, tell).await;
        });
    };
    Effect::new(move || {
        if host.get().is_some() {
            draw();
        }
    });
    Effect::new(move || stripe::change(purpose.get()));
    on_cleanup(stripe::unmount);
    view! {
        <div
            class="card-element"
            aria-busy=move || (drawing.get() == Drawing::Loading).then_some("true")
        >
            <div class="card-element-host" node_ref=host></div>
            {move || (drawing.get() == Drawing::Failed).then(|| view! {
                <Notice kind=NoticeKind::Bad>
                    "The card fields of our payment processor, Stripe, did not load. Nothing was charged. "
                    <button type="button" class="link-button" on:click=move |_| draw()>
                        "Try again"
                    </button>
                </Notice>
            })}
        </div>
    }
    .into_any()
}
