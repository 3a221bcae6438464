//! What a bank asks before it lets a card pay or be saved.

use leptos::prelude::*;
use wasm_bindgen::JsCast;
use web_sys::MessageEvent;

/// What our page that the bank's leads back to posts when the person has answered.
const ANSWERED_MESSAGE: &str = "bank-answered";

/// The bank's page in a frame of its own, and the way out where a bank does not stand in frames.
/// Where it has no page, the gateway's script asks: `ask` starts it again.
#[component]
pub fn BankQuestion(
    url: Option<String>,
    /// The person may have answered.
    on_answer: Callback<()>,
    /// Has the gateway's script ask, where the bank has no page.
    ask: Callback<()>,
    /// It asks at this moment.
    script_asks: Signal<bool>,
) -> impl IntoView {
    let listener = window_event_listener_untyped("message", move |event| {
        // Anyone may post a message: it only makes us ask our own server, which knows.
        let source = event.dyn_ref::<MessageEvent>().and_then(|message| {
            js_sys::Reflect::get(&message.data(), &"source".into())
                .ok()?
                .as_string()
        });
        if source.as_deref() == Some(ANSWERED_MESSAGE) {
            on_answer.run(());
        }
    });
    on_cleanup(move || listener.remove());
    let is_without_page = url.is_none();
    Effect::new(move || {
        if is_without_page {
            ask.run(());
        }
    });
    match url {
        Some(url) => view! {
            <iframe class="bank-frame" src=url.clone() title="Confirmation by your bank"></iframe>
            <p class="outcome-hint">
                "Is the frame empty? "
                <a href=url rel="external noopener" target="_blank">"Open your bank's page in a new tab"</a>
            </p>
        }
        .into_any(),
        None => view! {
            <p class="dialog-text">"Confirm it in your bank's window or app. This page follows."</p>
            <div class="outcome-buttons">
                <button
                    type="button"
                    class="button"
                    disabled=move || script_asks.get()
                    class:working=move || script_asks.get()
                    on:click=move |_| ask.run(())
                >
                    <span>"Show the question again"</span>
                </button>
            </div>
        }
        .into_any(),
    }
}
