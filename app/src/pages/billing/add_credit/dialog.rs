use leptos::prelude::*;
use types::money::Dollars;
use types::payment::PaymentField;
use types::top_up::PRESETS;
use web_sys::HtmlInputElement;

use super::choice::MethodChoice;
use super::flow::{Step, TopUpForm};
use super::outcome::{Confirm, Done, Processing, Unheard};
use super::summary::{Summary, Total};
use crate::components::card_form::SecureLine;
use crate::components::dialog::Dialog;
use crate::components::field::{InputKind, PaymentInput};
use crate::components::problem::GeneralProblem;

/// The dialog "Add to credit balance", in whichever step the attempt is.
#[component]
pub fn AddCreditDialog(form: TopUpForm) -> impl IntoView {
    // Working and filling are one form, so that nothing typed is drawn anew.
    let shown = Memo::new(move |_| match form.step.get() {
        Step::Filling | Step::Working { .. } => Shown::Form,
        Step::Confirming { url } => Shown::Confirm(url),
        Step::Processing => Shown::Processing,
        Step::Unheard => Shown::Unheard,
        Step::Done(top_up) => Shown::Done(top_up),
    });
    Effect::new(move |was_open: Option<bool>| {
        let is_open = form.is_open.get();
        if was_open.is_some_and(|was_open| was_open != is_open) {
            form.remember_open();
        }
        is_open
    });
    // Until it is over the form stays: what is typed into fields of the gateway's own lives in them.
    let has_form = move || shown.with(|shown| !matches!(shown, Shown::Done(_)));
    let is_form = Memo::new(move |_| shown.get() == Shown::Form);
    view! {
        <Dialog
            open=form.is_open
            title="Add to credit balance"
            heading_id="add-credit-title"
            beside=form.card.script_asks()
        >
            <Show when=has_form>
                <Form form is_shown=is_form/>
            </Show>
            {move || match shown.get() {
                Shown::Form => ().into_any(),
                Shown::Confirm(url) => view! { <Confirm url form/> }.into_any(),
                Shown::Processing => view! { <Processing form/> }.into_any(),
                Shown::Unheard => view! { <Unheard form/> }.into_any(),
                Shown::Done(top_up) => view! { <Done top_up open=form.is_open/> }.into_any(),
            }}
        </Dialog>
    }
    .into_any()
}

#[derive(Debug, Clone, PartialEq)]
enum Shown {
    Form,
    Confirm(Option<String>),
    Processing,
    Unheard,
    Done(types::top_up::TopUpView),
}

#[component]
fn Form(form: TopUpForm, is_shown: Memo<bool>) -> impl IntoView {
    let is_working = move || matches!(form.step.get(), Step::Working { .. });
    let is_slow = move || form.step.get() == Step::Working { is_slow: true };
    // An amount that would be refused is not offered.
    let label = move || match form.payable() {
        Some(amount) => format!("Add {}", exact(amount.dollars())),
        None => "Add credit".to_owned(),
    };
    view! {
        <form
            class="form add-credit"
            hidden=move || !is_shown.get()
            novalidate
            aria-busy=move || is_working().then_some("true")
            on:submit=move |event| {
                event.prevent_default();
                form.submit();
            }
        >
            <Amount form/>
            <MethodChoice form/>
            <Summary form/>
            <div class="dialog-foot">
                <Total form/>
                <Show when=move || is_shown.get()><GeneralProblem problems=form.problems/></Show>
                <button
                    type="submit"
                    class="button button-primary button-wide"
                    disabled=is_working
                    class:working=is_working
                >
                    <span>{label}</span>
                </button>
                <p class="working-line" role="status">
                    {move || is_slow().then_some("Confirming with your bank…")}
                </p>
                <SecureLine page=form.page purpose=form.purpose().get_untracked()/>
            </div>
        </form>
    }
    .into_any()
}

/// The field and its presets.
#[component]
fn Amount(form: TopUpForm) -> impl IntoView {
    let limits = form.page.with_untracked(|page| page.limits);
    let hint = format!(
        "From {} to {}",
        exact(limits.minimum.dollars()),
        exact(limits.maximum.dollars()),
    );
    let presets = PRESETS.map(|preset| {
        let is_chosen = move || form.cents() == Ok(preset);
        view! {
            <button
                type="button"
                class="preset"
                aria-pressed=move || if is_chosen() { "true" } else { "false" }
                on:click=move |_| {
                    form.amount.set(preset.to_string());
                    form.problems.clear_at(PaymentField::Amount);
                }
            >
                {format!("${}", preset.get() / 100)}
            </button>
        }
    });
    view! {
        <div class="amount-field">
            <PaymentInput
                field=PaymentField::Amount
                label="Amount (USD)"
                kind=InputKind { autocomplete: "transaction-amount", inputmode: "decimal", placeholder: "25.00" }
                value=form.amount
                problems=form.problems
                on_input=Box::new(type_amount)
                on_leave=Callback::new(move |()| form.judge_amount())
                hint
                before="$"
            />
            <div class="presets" role="group" aria-label="Amounts to choose from">
                {presets.collect_view()}
            </div>
        </div>
    }
    .into_any()
}

fn type_amount(input: &HtmlInputElement, value: RwSignal<String>) {
    value.set(input.value());
}

/// What a card is charged is shown to the cent.
pub fn exact(amount: Dollars) -> String {
    amount.exact_label()
}
