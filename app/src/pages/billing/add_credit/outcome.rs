use leptos::prelude::*;
use types::top_up::TopUpView;

use super::dialog::exact;
use super::flow::TopUpForm;
use crate::components::icon::{Glyph, Icon};
use crate::components::money::{Money, MoneyStyle};
use crate::components::problem::GeneralProblem;
use crate::pages::billing::bank::BankQuestion;

/// The id of the line that says it worked.
pub const DONE: &str = "add-credit-done";
/// The id of the line that says what is waited for.
pub const WAITING: &str = "add-credit-waiting";

/// What the bank asks, and the way out: another card.
#[component]
pub fn Confirm(url: Option<String>, form: TopUpForm) -> impl IntoView {
    let is_giving_up = move || form.is_giving_up.get();
    view! {
        <div class="outcome">
            <p class="dialog-text" id=WAITING tabindex="-1" role="status">
                "Your bank wants to be sure that it is you. Confirm the payment; nothing is charged before."
            </p>
            <BankQuestion
                url
                on_answer=Callback::new(move |()| form.ask_now())
                ask=Callback::new(move |()| form.ask_by_script())
                script_asks=form.card.script_asks()
            />
            <GeneralProblem problems=form.problems/>
            <div class="outcome-buttons">
                <LookAgain form/>
                <button
                    type="button"
                    class="button"
                    disabled=is_giving_up
                    class:working=is_giving_up
                    on:click=move |_| form.give_up()
                >
                    <span>"Use another card"</span>
                </button>
            </div>
        </div>
    }
    .into_any()
}

#[component]
pub fn Processing(form: TopUpForm) -> impl IntoView {
    view! {
        <div class="outcome outcome-center" id=WAITING tabindex="-1" role="status">
            <Spinner form/>
            <p class="outcome-title">"Still processing, no need to pay again."</p>
            <p class="dialog-text">
                "Some banks take a few minutes. You can close this: the balance and the history follow by themselves."
            </p>
            <div class="outcome-buttons">
                <LookAgain form/>
                <button type="button" class="button" on:click=move |_| form.is_open.set(false)>
                    "Close"
                </button>
            </div>
        </div>
    }
    .into_any()
}

/// The request is under way, or lost: nobody here can tell.
#[component]
pub fn Unheard(form: TopUpForm) -> impl IntoView {
    view! {
        <div class="outcome outcome-center" id=WAITING tabindex="-1" role="status">
            <Spinner form/>
            <p class="outcome-title">"Waiting to hear from the server"</p>
            <p class="dialog-text">
                "We do not know yet whether your payment has reached us. We keep asking. It cannot be charged twice."
            </p>
            <div class="outcome-buttons"><LookAgain form/></div>
        </div>
    }
    .into_any()
}

/// Turns while the page asks by itself.
#[component]
fn Spinner(form: TopUpForm) -> impl IntoView {
    move || {
        let turns = form.is_asking.get();
        turns.then(|| view! { <span class="spinner" aria-hidden="true"></span> })
    }
}

/// Once the page has stopped asking by itself.
#[component]
fn LookAgain(form: TopUpForm) -> impl IntoView {
    move || {
        (!form.is_asking.get()).then(|| {
            view! {
                <button type="button" class="button" on:click=move |_| form.look_again()>
                    "Look again"
                </button>
            }
        })
    }
}

#[component]
pub fn Done(top_up: TopUpView, open: RwSignal<bool>) -> impl IntoView {
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
                <span class="visually-hidden">"New balance: "</span>
                <Money amount=top_up.balance.dollars() style=MoneyStyle::RoundedDown/>
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
