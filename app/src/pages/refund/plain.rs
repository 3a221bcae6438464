//! A refund without script. The form sends the id that is in the page's address: posted twice, or
//! found again by the Back button, it is one refund.

use leptos::prelude::*;
use leptos::server_fn::ServerFn;
use types::ids::RefundId;
use types::payment::PaymentField;
use types::refund::{RefundState, RefundView};

use super::{Facts, Refundable, goes_to};
use crate::browser;
use crate::components::field::FieldProblem;
use crate::components::money::{Money, MoneyStyle};
use crate::components::notice::{Notice, NoticeKind};
use crate::components::problem::Problem;
use crate::server_fns::refund::RefundTopUp;
use crate::server_fns::refusal::Refusal;

/// The form's id in the page, by which script takes over what was typed.
const FORM: &str = "plain-refund";
const PLAIN_AMOUNT: &str = "refund-amount";

/// What stands in the form.
pub struct Typed {
    pub id: RefundId,
    pub amount: String,
    /// What the last post of it was refused for.
    pub problem: Option<Problem>,
}

impl Typed {
    /// Reads the form in the page, before it is taken down.
    pub fn read(id: RefundId, refusal: Option<&Refusal>) -> Self {
        let amount = browser::form_fields(FORM).and_then(|it| it.get("amount").as_string());
        Self {
            id,
            amount: amount.unwrap_or_default(),
            problem: refusal.and_then(Problem::of_refusal),
        }
    }
}

/// The same in the page, for a browser without script.
#[component]
pub fn PlainRefund(credit: Refundable, id: RefundId, refusal: Option<Refusal>) -> impl IntoView {
    let refusal = refusal.unwrap_or_default();
    let amount = refusal.typed("amount").map(str::to_owned);
    let problem = Problem::of_refusal(&refusal);
    let is_at_amount = problem
        .as_ref()
        .is_some_and(|problem| problem.field == Some(PaymentField::Amount));
    let message = problem.map(|problem| problem.message);
    let at_amount = message.clone().filter(|_| is_at_amount);
    let card = credit.card();
    let top_up = credit.top_up.to_string();
    let typed = amount.unwrap_or_else(|| credit.most.to_string());
    view! {
        <section class="card plain-top-up" aria-labelledby="plain-refund-title">
            <h2 id="plain-refund-title">"Refund unused credit"</h2>
            <form id=FORM class="form" method="post" action=RefundTopUp::url()>
                {message.filter(|_| !is_at_amount).map(|message| view! {
                    <Notice kind=NoticeKind::Bad>{message}</Notice>
                })}
                <input type="hidden" name="id" value=id.to_string()/>
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

/// What became of a refund that was asked for without script.
#[component]
pub fn RefundNotice(refund: RefundView) -> impl IntoView {
    let (kind, words) = match refund.state {
        RefundState::Processing => (
            NoticeKind::Waiting,
            " is on its way back. There is no need to ask again.",
        ),
        RefundState::Succeeded => (
            NoticeKind::Good,
            " was refunded. Your bank shows it within 5 to 10 business days.",
        ),
        RefundState::Failed => (
            NoticeKind::Bad,
            " could not be refunded. The credit is back in your balance.",
        ),
    };
    view! {
        <Notice kind>
            <Money amount=refund.amount.dollars() style=MoneyStyle::Cents/>
            {words}
            " Your balance is "
            <Money amount=refund.balance.dollars() style=MoneyStyle::RoundedDown/>
            "."
        </Notice>
    }
    .into_any()
}
