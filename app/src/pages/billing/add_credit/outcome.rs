use leptos::prelude::*;
use leptos::task::spawn_local;
use types::money::Money;
use types::top_up::TopUpView;
use wasm_bindgen::JsCast;
use web_sys::MessageEvent;

use super::dialog::exact;
use super::flow::TopUpForm;
use crate::browser;
use crate::components::icon::{Glyph, Icon};

/// The id of the line that says it worked.
pub const DONE: &str = "add-credit-done";
/// What the bank's page, or ours that it leads back to, posts when the person has answered.
const BANK_MESSAGE: &str = "sandbox-3ds";
/// The balance counts up once, in this many frames of [`FRAME_MS`].
const FRAMES: i64 = 24;
const FRAME_MS: i32 = 16;

/// The bank's page in a frame of its own.
#[component]
pub fn Confirm(url: Option<String>, form: TopUpForm) -> impl IntoView {
    let listener = window_event_listener_untyped("message", move |event| {
        // Anyone may post a message: it only makes us ask our own server, which knows.
        let source = event.dyn_ref::<MessageEvent>().and_then(|message| {
            js_sys::Reflect::get(&message.data(), &"source".into())
                .ok()?
                .as_string()
        });
        if source.as_deref() == Some(BANK_MESSAGE) {
            form.ask_now();
        }
    });
    on_cleanup(move || listener.remove());
    view! {
        <div class="outcome">
            <p class="dialog-text" role="status">
                "Your bank wants to be sure that it is you. Confirm the payment below; nothing is charged before."
            </p>
            {match url {
                Some(url) => view! {
                    <iframe class="bank-frame" src=url title="Confirmation by your bank"></iframe>
                }
                .into_any(),
                None => view! {
                    <p class="dialog-text">"Confirm it in your bank's app. This page follows."</p>
                }
                .into_any(),
            }}
        </div>
    }
    .into_any()
}

#[component]
pub fn Processing(form: TopUpForm) -> impl IntoView {
    view! {
        <div class="outcome outcome-center" role="status">
            <span class="spinner" aria-hidden="true"></span>
            <p class="outcome-title">"Still processing, no need to pay again."</p>
            <p class="dialog-text">
                "Some banks take a few minutes. You can close this: the balance and the history follow by themselves."
            </p>
            <button type="button" class="button" on:click=move |_| form.is_open.set(false)>
                "Close"
            </button>
        </div>
    }
    .into_any()
}

#[component]
pub fn Done(top_up: TopUpView, open: RwSignal<bool>) -> impl IntoView {
    let shown = count_up(&top_up);
    let with = top_up
        .card
        .as_ref()
        .map(|card| format!(" with {}", card.label()));
    view! {
        <div class="outcome outcome-center">
            <span class="outcome-check" aria-hidden="true"><Icon glyph=Glyph::Check/></span>
            <p class="outcome-title" id=DONE tabindex="-1" role="status">
                {format!("{} was added to your balance", exact(top_up.amount.dollars()))}
            </p>
            <p class="outcome-balance">
                <span class="visually-hidden">
                    {format!("New balance: {}", top_up.balance.dollars().rounded_down())}
                </span>
                <span aria-hidden="true">{move || shown.get().dollars().rounded_down()}</span>
            </p>
            <p class="dialog-text">"New balance. Paid"{with}"."</p>
            <button
                type="button"
                class="button button-primary button-wide"
                on:click=move |_| open.set(false)
            >
                <span>"Done"</span>
            </button>
        </div>
    }
    .into_any()
}

/// The balance before, growing to the balance now; at once for those who asked for less motion.
fn count_up(top_up: &TopUpView) -> RwSignal<Money> {
    let end = top_up.balance;
    let added = top_up.amount.money().unwrap_or(Money::ZERO);
    let shown = RwSignal::new(end);
    if let Ok(start) = end.minus(added)
        && !browser::prefers_reduced_motion()
    {
        shown.set(start);
        spawn_local(async move {
            for frame in 1..=FRAMES {
                browser::sleep(FRAME_MS).await;
                // Fast first, slow at the end, in whole numbers: (1 − (1 − t)³) of what was added.
                let left = (FRAMES - frame).pow(3);
                let part = added.nanos() / FRAMES.pow(3) * left;
                let Ok(balance) = end.minus(Money::from_nanos(part)) else {
                    break;
                };
                shown.try_set(balance);
            }
            shown.try_set(end);
        });
    }
    shown
}
