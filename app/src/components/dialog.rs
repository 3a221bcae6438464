use leptos::html;
use leptos::prelude::*;
use web_sys::HtmlDialogElement;

use super::icon::{Glyph, Icon};

/// A native modal dialog: the browser keeps the focus inside, closes it on Escape and gives the
/// focus back. Its content exists only while it is open.
#[component]
pub fn Dialog(
    open: RwSignal<bool>,
    title: &'static str,
    /// The id of the heading, unique in the page.
    heading_id: &'static str,
    children: ChildrenFn,
) -> impl IntoView {
    let dialog = NodeRef::<html::Dialog>::new();
    Effect::new(move || {
        let Some(dialog) = dialog.get() else { return };
        match (open.get(), dialog.open()) {
            (true, false) if dialog.is_connected() => show(&dialog),
            // Opened while its page is being put together: shown once it is there.
            (true, false) => request_animation_frame(move || show(&dialog)),
            (false, true) => dialog.close(),
            (true, true) | (false, false) => {}
        }
    });
    view! {
        <dialog
            class="dialog"
            node_ref=dialog
            aria-labelledby=heading_id
            on:close=move |_| open.set(false)
        >
            <Show when=move || open.get()>
                <div class="dialog-head">
                    <h2 id=heading_id>{title}</h2>
                    <button
                        type="button"
                        class="icon-button"
                        aria-label="Close"
                        on:click=move |_| open.set(false)
                    >
                        <Icon glyph=Glyph::Close/>
                    </button>
                </div>
                {children()}
            </Show>
        </dialog>
    }
    .into_any()
}

fn show(dialog: &HtmlDialogElement) {
    // It refuses only when it is out of the document, where nobody could see it.
    let _ = dialog.show_modal();
}
