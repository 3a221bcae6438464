//! The dialog "Add payment method".
//!
//! | file | owns |
//! | --- | --- |
//! | `mod` | what the dialog shows |
//! | `flow` | saving a card, from the typed card to what became of it |

mod flow;

use leptos::prelude::*;
use types::payment::{CardQuestion, PaymentMethodView};

pub use self::flow::AddCardForm;
use self::flow::{ASKING, SAVED_BEFORE, Step};
use super::bank::BankQuestion;
use crate::browser::stripe::Purpose;
use crate::components::card_form::{CardFieldset, SecureLine};
use crate::components::dialog::Dialog;
use crate::components::icon::{Glyph, Icon};
use crate::components::problem::GeneralProblem;
use crate::server_fns::billing_page::BillingPage as Page;

/// Saves a card without charging it.
#[component]
pub fn AddCardDialog(form: AddCardForm, page: RwSignal<Page>) -> impl IntoView {
    let open = form.is_open;
    Effect::new(move |was_open: Option<bool>| {
        let is_open = open.get();
        if was_open.is_some_and(|was_open| was_open != is_open) {
            form.remember();
        }
        is_open
    });
    // Drawn anew only where it changes: opening the dialog must not take the fields down again.
    let shown = Memo::new(move |_| form.step.get());
    // While the bank asks the form stays: what is typed into fields of the gateway's own lives in
    // them.
    let has_form = move || shown.with(|step| !matches!(step, Step::SavedBefore(_)));
    let is_form = Memo::new(move |_| shown.get() == Step::Filling);
    view! {
        <Dialog
            open
            title="Add payment method"
            heading_id="add-card-title"
            beside=form.draft.script_asks()
        >
            <Show when=has_form>
                <Form form page is_shown=is_form/>
            </Show>
            {move || match shown.get() {
                Step::Filling => ().into_any(),
                Step::Asking(question) => view! { <Asking question form/> }.into_any(),
                Step::SavedBefore(method) => view! { <SavedBefore method open/> }.into_any(),
            }}
        </Dialog>
    }
    .into_any()
}

#[component]
fn Form(form: AddCardForm, page: RwSignal<Page>, is_shown: Memo<bool>) -> impl IntoView {
    let working = form.working;
    view! {
        <form
            class="form"
            hidden=move || !is_shown.get()
            novalidate
            aria-busy=move || working.get().then_some("true")
            on:submit=move |event| {
                event.prevent_default();
                form.save();
            }
        >
            <CardFieldset
                draft=form.draft
                problems=form.problems
                purpose=Signal::stored(Purpose::Save)
            />
            <div class="dialog-foot">
                <Show when=move || is_shown.get()><GeneralProblem problems=form.problems/></Show>
                <button
                    type="submit"
                    class="button button-primary button-wide"
                    disabled=move || working.get()
                    class:working=move || working.get()
                >
                    <span>"Save card"</span>
                </button>
                <SecureLine page purpose=Purpose::Save/>
            </div>
        </form>
    }
    .into_any()
}

#[component]
fn Asking(question: CardQuestion, form: AddCardForm) -> impl IntoView {
    let (answered, asked) = (question.clone(), question.clone());
    view! {
        <div class="outcome">
            <p class="dialog-text" id=ASKING tabindex="-1" role="status">
                "Your bank wants to be sure that it is you. Confirm it to save the card; nothing is charged."
            </p>
            <BankQuestion
                url=question.url
                on_answer=Callback::new(move |()| form.ask_now(answered.clone()))
                ask=Callback::new(move |()| form.ask_by_script(asked.clone()))
                script_asks=form.draft.script_asks()
            />
            <GeneralProblem problems=form.problems/>
            <div class="outcome-buttons">
                <button type="button" class="button" on:click=move |_| form.use_another()>
                    "Use another card"
                </button>
            </div>
        </div>
    }
    .into_any()
}

#[component]
fn SavedBefore(method: PaymentMethodView, open: RwSignal<bool>) -> impl IntoView {
    view! {
        <div class="outcome outcome-center">
            <span class="outcome-check" aria-hidden="true"><Icon glyph=Glyph::Check/></span>
            <p class="outcome-title" id=SAVED_BEFORE tabindex="-1" role="status">
                {format!("{} is already saved", method.card.label())}
            </p>
            <p class="dialog-text">
                {format!("It stays one card. Its expiry is {}.", method.card.expiry())}
            </p>
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
