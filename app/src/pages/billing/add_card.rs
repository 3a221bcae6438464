use leptos::prelude::*;
use leptos::task::spawn_local;

use crate::browser;
use crate::components::card_form::{CardDraft, CardFieldset, SecureLine};
use crate::components::dialog::Dialog;
use crate::components::problem::{GeneralProblem, Problem, Problems, explained, input_id};
use crate::server_fns::billing_page::BillingPage as Page;
use crate::server_fns::payment_method::add_payment_method;
use types::payment::PaymentField;

/// Saves a card without charging it.
#[component]
pub fn AddCardDialog(
    open: RwSignal<bool>,
    page: RwSignal<Page>,
    refresh: Callback<()>,
) -> impl IntoView {
    let (draft, problems) = (CardDraft::new(), Problems::new());
    let working = RwSignal::new(false);
    Effect::new(move || {
        if open.get() {
            problems.clear();
            browser::focus_after_render(input_id(PaymentField::CardNumber));
        }
    });
    let save = move || {
        if working.get_untracked() {
            return;
        }
        working.set(true);
        problems.clear();
        spawn_local(async move {
            let tokenizer = page.with_untracked(|page| page.tokenizer.clone());
            let saved = match draft.tokenize(&tokenizer).await {
                Ok(token) => match add_payment_method(token).await {
                    Ok(method) => Ok(method),
                    Err(error) => Err(vec![Problem::from(&explained(error).await)]),
                },
                Err(problems) => Err(problems),
            };
            match saved {
                Ok(_) => {
                    draft.clear();
                    open.try_set(false);
                    refresh.run(());
                }
                Err(found) => problems.show(found),
            }
            working.try_set(false);
        });
    };
    view! {
        <Dialog open title="Add payment method" heading_id="add-card-title">
            <form
                class="form"
                novalidate
                on:submit=move |event| {
                    event.prevent_default();
                    save();
                }
            >
                <CardFieldset draft problems/>
                <div class="dialog-foot">
                    <GeneralProblem problems/>
                    <button
                        type="submit"
                        class="button button-primary button-wide"
                        disabled=move || working.get()
                        class:working=move || working.get()
                    >
                        <span>"Save card"</span>
                    </button>
                    <SecureLine page/>
                </div>
            </form>
        </Dialog>
    }
    .into_any()
}
