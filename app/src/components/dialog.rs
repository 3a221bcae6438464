use leptos::html;
use leptos::prelude::*;
use wasm_bindgen::JsCast;
use web_sys::{HtmlDialogElement, HtmlElement};

use super::icon::{Glyph, Icon};

/// Where a dialog stands in the page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Closed,
    /// Modal: everything else of the page is dead.
    Above,
    /// Open among the rest of the page.
    Beside,
}

/// A native modal dialog: the browser keeps the focus inside, closes it on Escape and gives the
/// focus back. Its content exists only while it is open.
#[component]
pub fn Dialog(
    open: RwSignal<bool>,
    title: &'static str,
    /// The id of the heading, unique in the page.
    heading_id: &'static str,
    /// While somebody else's script asks the person in the page, which a modal dialog would make
    /// dead.
    #[prop(default = Signal::stored(false), into)]
    beside: Signal<bool>,
    children: ChildrenFn,
) -> impl IntoView {
    let dialog = NodeRef::<html::Dialog>::new();
    Effect::new(move |last: Option<Place>| {
        let wanted = match (open.get(), beside.get()) {
            (false, _) => Place::Closed,
            (true, false) => Place::Above,
            (true, true) => Place::Beside,
        };
        let Some(dialog) = dialog.get() else {
            return Place::Closed;
        };
        match (wanted, dialog.open()) {
            (Place::Closed, true) => dialog.close(),
            (Place::Closed, false) => {}
            (Place::Above | Place::Beside, true) if last == Some(wanted) => {}
            (Place::Above | Place::Beside, _) if dialog.is_connected() => stand(&dialog, wanted),
            // Opened while its page is being put together: shown once it is there.
            (Place::Above | Place::Beside, _) => {
                request_animation_frame(move || stand(&dialog, wanted));
            }
        }
        wanted
    });
    view! {
        <dialog
            class="dialog"
            node_ref=dialog
            aria-labelledby=heading_id
            on:close=move |_| {
                // On its way from one place to the other it closes for an instant. The browser says
                // so later: what the dialog belongs to may be drawn anew by then.
                let dialog = dialog.try_get_untracked().flatten();
                if dialog.is_some_and(|dialog| !dialog.open()) {
                    open.try_set(false);
                }
            }
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

/// Opens the dialog at a place, from wherever it stands. Each refusal of the browser would be for a
/// dialog that is out of the document, where nobody could see it.
fn stand(dialog: &HtmlDialogElement, place: Place) {
    let focused = document()
        .active_element()
        .filter(|element| dialog.contains(Some(element)))
        .and_then(|element| element.dyn_into::<HtmlElement>().ok());
    if dialog.open() {
        if focused.is_none() {
            // It gives the focus back to what opened it only if it has it.
            let first = dialog.query_selector("button").ok().flatten();
            let _ = first.and_then(|first| first.dyn_into::<HtmlElement>().ok()?.focus().ok());
        }
        dialog.close();
    }
    match place {
        Place::Closed => {}
        Place::Above => {
            let _ = dialog.show_modal();
        }
        Place::Beside => dialog.show(),
    }
    if let Some(focused) = focused {
        let _ = focused.focus();
    }
}
