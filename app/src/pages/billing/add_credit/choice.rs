use leptos::prelude::*;
use types::payment::{PaymentField, PaymentMethodView};

use super::flow::{Choice, TopUpForm};
use crate::components::brand_mark::BrandMark;
use crate::components::card_form::CardFieldset;
use crate::components::field::FieldProblem;
use crate::components::icon::{Glyph, Icon};
use crate::components::problem::input_id;
use crate::pages::billing::methods_card::Expiry;

const PROBLEM: &str = "payment-method-problem";

/// The saved cards as rows, and the fields of a new one in place.
#[component]
pub fn MethodChoice(form: TopUpForm) -> impl IntoView {
    let message = form.problems.message(PaymentField::PaymentMethod);
    // As they were when the form was drawn: a refresh behind the dialog moves nothing in it.
    let methods = form
        .page
        .with_untracked(|page| page.payment_methods.clone());
    let has_saved = !methods.is_empty();
    let is_new = Memo::new(move |_| form.choice.get() == Choice::NewCard);
    // Once drawn they stay: a look at a saved card loses nothing of what was typed.
    let was_new = Memo::new(move |was: Option<&bool>| is_new.get() || was == Some(&true));
    let rows = methods
        .into_iter()
        .map(|method| view! { <SavedMethod method form/> });
    view! {
        <fieldset
            class="method-choice"
            id=input_id(PaymentField::PaymentMethod)
            tabindex="-1"
            aria-describedby=move || message.get().map(|_| PROBLEM)
        >
            <legend>"Payment method"</legend>
            {has_saved.then(|| view! {
                <div class="method-options">
                    {rows.collect_view()}
                    <label class="method-option" class:chosen=move || is_new.get()>
                        <input
                            type="radio"
                            name="method"
                            prop:checked=move || is_new.get()
                            on:change=move |_| choose(form, Choice::NewCard)
                        />
                        <Icon glyph=Glyph::Plus/>
                        <span>"Add new payment method"</span>
                    </label>
                </div>
            })}
            <Show when=move || was_new.get()>
                <div hidden=move || !is_new.get()>
                    <CardFieldset draft=form.card problems=form.problems purpose=form.purpose()/>
                </div>
            </Show>
            {move || message.get().map(|message| view! {
                <FieldProblem id=PROBLEM.to_owned() message/>
            })}
        </fieldset>
    }
    .into_any()
}

#[component]
fn SavedMethod(method: PaymentMethodView, form: TopUpForm) -> impl IntoView {
    let choice = Choice::Saved(method.id);
    let is_chosen = move || form.choice.get() == choice;
    view! {
        <label class="method-option" class:chosen=is_chosen>
            <input
                type="radio"
                name="method"
                disabled=method.is_expired
                prop:checked=is_chosen
                on:change=move |_| choose(form, choice)
            />
            <BrandMark brand=method.card.brand/>
            <span class="method-label">{method.card.label()}</span>
            <Expiry method/>
        </label>
    }
    .into_any()
}

fn choose(form: TopUpForm, choice: Choice) {
    form.choice.set(choice);
    // What was said of one card is not said of the next; of the amount it still holds.
    form.problems.clear();
    form.judge_amount();
}
