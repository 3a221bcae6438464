//! Giving unused credit back to its card.
//!
//! | file | owns |
//! | --- | --- |
//! | `mod` | of which credit, and the dialog |
//! | `form` | one refund, from its form to a definite answer |
//! | `plain` | the same in the page, for a browser without script |

mod form;
mod plain;

use leptos::prelude::*;
use types::history::{HistoryKind, HistoryRow};
use types::ids::TopUpId;
use types::money::{Cents, Dollars};
use types::payment::{Card, PaymentField};
use types::refund::{RefundOffer, RefundState, RefundView};
use types::time::Timestamp as Instant;

use self::form::OUTCOME;
pub use self::form::RefundForm;
pub use self::plain::{PlainRefund, RefundNotice, Typed};
use crate::browser;
use crate::components::dialog::Dialog;
use crate::components::field::{InputKind, PaymentInput};
use crate::components::history_table::row_id;
use crate::components::icon::{Glyph, Icon};
use crate::components::money::{Money, MoneyStyle};
use crate::components::problem::GeneralProblem;
use crate::components::timestamp::Timestamp;

/// A credit of which something can be given back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refundable {
    pub top_up: TopUpId,
    pub most: Cents,
    pub until: Instant,
    /// What is known of its payment, where its row is at hand.
    paid: Option<Paid>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Paid {
    amount: Dollars,
    at: Instant,
    card: Option<Card>,
}

impl Refundable {
    /// `None` for a row of which nothing can be given back.
    pub fn of_row(row: &HistoryRow) -> Option<Self> {
        let HistoryKind::Credit { card, refund, .. } = &row.kind else {
            return None;
        };
        let offered = Self::of_offer(row.id.parse().ok()?, (*refund)?)?;
        Some(Self {
            paid: Some(Paid {
                amount: row.amount,
                at: row.at,
                card: card.clone(),
            }),
            ..offered
        })
    }

    pub fn of_offer(top_up: TopUpId, offer: RefundOffer) -> Option<Self> {
        match offer {
            RefundOffer::Refundable { most, until } => Some(Self {
                top_up,
                most,
                until,
                paid: None,
            }),
            RefundOffer::Refused { .. } => None,
        }
    }

    fn card(&self) -> String {
        let card = self.paid.as_ref().and_then(|paid| paid.card.as_ref());
        card.map_or_else(|| "the card that paid for it".to_owned(), Card::label)
    }
}

#[component]
pub fn RefundDialog(form: RefundForm) -> impl IntoView {
    let shown = Memo::new(move |_| (form.credit.get(), form.done.get()));
    Effect::new(move |was_open: Option<bool>| {
        let is_open = form.open.get();
        if was_open == Some(true)
            && !is_open
            && let Some(refund) = form.done.get_untracked()
        {
            // What opened the dialog may be gone: its row is not.
            browser::focus_after_render(row_id(&refund.top_up.to_string()));
        }
        is_open
    });
    view! {
        <Dialog open=form.open title="Refund unused credit" heading_id="refund-title">
            {move || match shown.get() {
                (_, Some(refund)) => view! { <Done refund open=form.open/> }.into_any(),
                (Some(credit), None) => view! { <Form credit form/> }.into_any(),
                (None, None) => ().into_any(),
            }}
        </Dialog>
    }
    .into_any()
}

#[component]
fn Form(credit: Refundable, form: RefundForm) -> impl IntoView {
    let working = form.working;
    let label = move || match form.refundable() {
        Some(amount) => format!("Refund {}", amount.dollars().exact_label()),
        None => "Refund".to_owned(),
    };
    let most = credit.most.dollars().exact_label();
    let card = credit.card();
    view! {
        <form
            class="form"
            novalidate
            aria-busy=move || working.get().then_some("true")
            on:submit=move |event| {
                event.prevent_default();
                form.send();
            }
        >
            <Facts credit/>
            <div class="amount-field">
                <PaymentInput
                    field=PaymentField::Amount
                    label="Amount to refund (USD)"
                    kind=InputKind { autocomplete: "off", inputmode: "decimal", placeholder: "0.00" }
                    value=form.amount
                    problems=form.problems
                    on_input=Box::new(|input, value| value.set(input.value()))
                    hint=format!("Up to {most}. What you leave stays in your balance.")
                    before="$"
                />
            </div>
            <p class="dialog-text">{goes_to(&card)}</p>
            <div class="dialog-foot">
                <GeneralProblem problems=form.problems/>
                <button
                    type="submit"
                    class="button button-primary button-wide"
                    disabled=move || working.get()
                    class:working=move || working.get()
                >
                    <span>{label}</span>
                </button>
            </div>
        </form>
    }
    .into_any()
}

fn goes_to(card: &str) -> String {
    format!(
        "The credit leaves your balance at once and goes back to {card}. Your bank shows it within 5 to 10 business days."
    )
}

/// Which credit it is, and until when it can be given back.
#[component]
fn Facts(credit: Refundable) -> impl IntoView {
    let paid = credit.paid.map(|paid| {
        view! {
            <div>
                <dt>"Credit"</dt>
                <dd><Money amount=paid.amount style=MoneyStyle::Cents/></dd>
            </div>
            <div>
                <dt>"Added"</dt>
                <dd><Timestamp at=paid.at/></dd>
            </div>
        }
    });
    view! {
        <dl class="summary summary-first">
            {paid}
            <div class="summary-total">
                <dt>"Unused and refundable"</dt>
                <dd><Money amount=credit.most.dollars() style=MoneyStyle::Cents/></dd>
            </div>
            <div>
                <dt>"Refundable until"</dt>
                <dd><Timestamp at=credit.until/></dd>
            </div>
        </dl>
    }
    .into_any()
}

#[component]
fn Done(refund: RefundView, open: RwSignal<bool>) -> impl IntoView {
    let amount = refund.amount.dollars().exact_label();
    let (title, mark) = match refund.state {
        RefundState::Processing => (format!("{amount} is on its way back"), Glyph::Check),
        RefundState::Succeeded => (format!("{amount} was refunded"), Glyph::Check),
        RefundState::Failed => (format!("{amount} could not be refunded"), Glyph::Alert),
    };
    view! {
        <div class="outcome outcome-center">
            <span
                class="outcome-check"
                class:outcome-failed=refund.state == RefundState::Failed
                aria-hidden="true"
            >
                <Icon glyph=mark/>
            </span>
            <p class="outcome-title" id=OUTCOME tabindex="-1" role="status">{title}</p>
            <p class="outcome-balance">
                <span class="visually-hidden">"New balance: "</span>
                <Money amount=refund.balance.dollars() style=MoneyStyle::RoundedDown/>
            </p>
            <p class="dialog-text">"New balance. " {refund.state.message()}</p>
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
