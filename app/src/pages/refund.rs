//! Giving unused credit back to its card: the dialog with script, the form in the page without.
//!
//! The refund's id is made when the form is opened and kept until there is a definite answer:
//! whatever is lost in between, asking again is asking for the same refund.

use leptos::prelude::*;
use leptos::server_fn::ServerFn;
use leptos::task::spawn_local;
use types::history::{HistoryKind, HistoryRow};
use types::ids::{RefundId, TopUpId};
use types::money::{Cents, Dollars};
use types::payment::{Card, PaymentField};
use types::refund::{RefundOffer, RefundState, RefundView};
use types::time::Timestamp as Instant;

use crate::browser;
use crate::components::dialog::Dialog;
use crate::components::field::{FieldProblem, InputKind, PaymentInput};
use crate::components::history_table::row_id;
use crate::components::icon::{Glyph, Icon};
use crate::components::money::{Money, MoneyStyle};
use crate::components::notice::{Notice, NoticeKind};
use crate::components::problem::{GeneralProblem, Problem, Problems, explained, input_id};
use crate::components::timestamp::Timestamp;
use crate::error::AppError;
use crate::server_fns::refund::{RefundTopUp, refund_top_up};
use crate::server_fns::refusal::Refusal;

/// The id of the line that says what became of it.
const OUTCOME: &str = "refund-outcome";
const PLAIN_AMOUNT: &str = "refund-amount";

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

/// The dialog's state.
#[derive(Clone, Copy)]
pub struct RefundForm {
    open: RwSignal<bool>,
    credit: RwSignal<Option<Refundable>>,
    amount: RwSignal<String>,
    problems: Problems,
    working: RwSignal<bool>,
    done: RwSignal<Option<RefundView>>,
    /// Kept until the answer is definite.
    id: StoredValue<RefundId>,
    refresh: Callback<()>,
}

impl RefundForm {
    pub fn new(refresh: Callback<()>) -> Self {
        Self {
            open: RwSignal::new(false),
            credit: RwSignal::new(None),
            amount: RwSignal::new(String::new()),
            problems: Problems::new(),
            working: RwSignal::new(false),
            done: RwSignal::new(None),
            id: StoredValue::new(RefundId::generate()),
            refresh,
        }
    }

    pub fn ask(self, credit: Refundable) {
        let is_same = self.credit.with_untracked(|open| {
            open.as_ref()
                .is_some_and(|open| open.top_up == credit.top_up)
        });
        if !is_same || self.done.with_untracked(Option::is_some) {
            self.id.set_value(RefundId::generate());
            self.amount.set(credit.most.to_string());
            self.problems.clear();
            self.done.set(None);
        }
        self.credit.set(Some(credit));
        self.open.set(true);
        browser::focus_after_render(input_id(PaymentField::Amount));
    }

    /// What is typed, where it can be given back.
    fn refundable(self) -> Option<Cents> {
        let amount: Cents = self.amount.with(|amount| amount.parse()).ok()?;
        let most = self
            .credit
            .with(|credit| credit.as_ref().map(|it| it.most))?;
        (Cents::new(1)..=most).contains(&amount).then_some(amount)
    }

    fn send(self) {
        let Some(credit) = self.credit.get_untracked() else {
            return;
        };
        if self.working.get_untracked() {
            return;
        }
        self.problems.clear();
        let Some(amount) = untrack(|| self.refundable()) else {
            let most = credit.most.dollars().exact_label();
            let message = format!("Enter an amount from $0.01 to {most}.");
            self.problems
                .show(vec![Problem::at(PaymentField::Amount, message)]);
            return;
        };
        self.working.set(true);
        spawn_local(async move {
            match self.request(credit.top_up, amount).await {
                Ok(refund) => {
                    self.done.try_set(Some(refund));
                    browser::focus_after_render(OUTCOME);
                    self.refresh.run(());
                }
                Err(problem) => self.problems.show(vec![problem]),
            }
            self.working.try_set(false);
        });
    }

    /// Sends it, and once more where the answer was lost: under its id it is the same refund.
    async fn request(self, top_up: TopUpId, amount: Cents) -> Result<RefundView, Problem> {
        let id = self.id.get_value();
        let send = || refund_top_up(id.to_string(), top_up.to_string(), amount.to_string());
        let mut answer = send().await;
        if matches!(answer, Err(AppError::Unknown { .. })) {
            answer = send().await;
        }
        match answer {
            Ok(refund) => Ok(refund),
            Err(AppError::Unknown { .. }) => Err(Problem::general(
                "We do not know yet whether the refund was started. It cannot happen twice: try again in a moment.",
            )),
            Err(error) => Err(Problem::from(&explained(error).await)),
        }
    }
}

#[component]
pub fn RefundDialog(form: RefundForm) -> impl IntoView {
    let shown = Memo::new(move |_| (form.credit.get(), form.done.get()));
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
                on:click=move |_| {
                    open.set(false);
                    // What opened the dialog may be gone: its row is not.
                    browser::focus_after_render(row_id(&refund.top_up.to_string()));
                }
            >
                <span>"Done"</span>
            </button>
        </div>
    }
    .into_any()
}

/// The same in the page, for a browser without script.
#[component]
pub fn PlainRefund(
    credit: Refundable,
    /// The refund's id: the page that was posted has it again.
    id: RefundId,
    refusal: Option<Refusal>,
) -> impl IntoView {
    let refusal = refusal.unwrap_or_default();
    let id = refusal
        .typed("id")
        .map_or_else(|| id.to_string(), str::to_owned);
    let amount = refusal.typed("amount").map(str::to_owned);
    let message = (!refusal.message.is_empty()).then(|| refusal.message.clone());
    let is_at_amount = refusal.field.as_deref() == Some(PaymentField::Amount.as_str());
    let at_amount = message.clone().filter(|_| is_at_amount);
    let card = credit.card();
    let top_up = credit.top_up.to_string();
    let typed = amount.unwrap_or_else(|| credit.most.to_string());
    view! {
        <section class="card plain-top-up" aria-labelledby="plain-refund-title">
            <h2 id="plain-refund-title">"Refund unused credit"</h2>
            <form class="form" method="post" action=RefundTopUp::url()>
                {message.filter(|_| !is_at_amount).map(|message| view! {
                    <Notice kind=NoticeKind::Bad>{message}</Notice>
                })}
                <input type="hidden" name="id" value=id/>
                <input type="hidden" name="top_up" value=top_up/>
                <Facts credit/>
                <div class="field">
                    <label for=PLAIN_AMOUNT>"Amount to refund (USD)"</label>
                    <div class="input-box">
                        <span class="input-before" aria-hidden="true">"$"</span>
                        <input
                            id=PLAIN_AMOUNT
                            name="amount"
                            inputmode="decimal"
                            autocomplete="off"
                            value=typed
                            aria-invalid=is_at_amount.then_some("true")
                            aria-describedby=is_at_amount.then_some("refund-amount-problem")
                        />
                    </div>
                    {at_amount.map(|message| view! {
                        <FieldProblem id="refund-amount-problem".to_owned() message/>
                    })}
                </div>
                <p class="dialog-text">{goes_to(&card)}</p>
                <div class="dialog-buttons">
                    <a class="button" href="/billing/history" rel="external">"Keep it"</a>
                    <button type="submit" class="button button-primary"><span>"Refund"</span></button>
                </div>
            </form>
        </section>
    }
    .into_any()
}
