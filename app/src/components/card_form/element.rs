use leptos::html;
use leptos::prelude::*;
use leptos::task::spawn_local;
use types::payment::TokenizerView;

use crate::browser::stripe::{self, Purpose};
use crate::components::notice::{Notice, NoticeKind};

/// How far the fields have come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Drawing {
    Loading,
    Drawn,
    Failed,
}

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
        drawing.set(Drawing::Loading);
        let (tokenizer, what) = (tokenizer.get_value(), purpose.get_untracked());
        spawn_local(async move {
            let fail = move || {
                drawing.try_set(Drawing::Failed);
            };
            match stripe::mount(&tokenizer, what, &host, fail).await {
                Ok(()) => drawing.try_set(Drawing::Drawn),
                Err(_) => drawing.try_set(Drawing::Failed),
            };
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
