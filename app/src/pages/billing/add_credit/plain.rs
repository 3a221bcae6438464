//! Adding credit without script, with a saved card. The form sends the id that is in the page's
//! address: posted twice, or found again by the Back button, it is one payment.

use leptos::prelude::*;
use leptos::server_fn::ServerFn;
use types::balance::Balance;
use types::ids::{PaymentMethodId, TopUpId};
use types::payment::{PaymentField, PaymentMethodView};
use types::top_up::{PRESETS, TopUpLimits};

use super::dialog::exact;
use crate::browser;
use crate::components::brand_mark::BrandMark;
use crate::components::field::FieldProblem;
use crate::components::notice::{Notice, NoticeKind};
use crate::components::problem::Problem;
use crate::pages::billing::add_credit::offer::offer;
use crate::pages::billing::methods_card::Expiry;
use crate::server_fns::refusal::Refusal;
use crate::server_fns::top_up::{StartTopUp, chosen_amount};

/// The form's id in the page, by which script takes over what was typed.
const FORM: &str = "plain-top-up";
const OTHER_AMOUNT: &str = "other-amount";
const AMOUNT_HINT: &str = "other-amount-hint";
const AMOUNT_PROBLEM: &str = "other-amount-problem";
const METHOD_PROBLEM: &str = "plain-method-problem";

/// What stands in the form.
pub struct Typed {
    pub id: TopUpId,
    /// Empty where nothing is chosen: then the dialog's own offer stands.
    pub amount: String,
    pub method: Option<PaymentMethodId>,
    /// What the last post of it was refused for.
    pub problem: Option<Problem>,
}

impl Typed {
    /// Reads the form in the page, before it is taken down.
    pub fn read(id: TopUpId, refusal: Option<&Refusal>) -> Self {
        let fields = browser::form_fields(FORM);
        let text = |name: &str| {
            let field = fields
                .as_ref()
                .and_then(|fields| fields.get(name).as_string());
            field.unwrap_or_default()
        };
        Self {
            id,
            amount: chosen_amount(text("amount"), text("other_amount")),
            method: text("method").parse().ok(),
            problem: refusal.and_then(Problem::of_refusal),
        }
    }
}

#[component]
pub fn PlainTopUp(
    id: TopUpId,
    methods: Vec<PaymentMethodView>,
    balance: Balance,
    limits: TopUpLimits,
    refusal: Option<Refusal>,
) -> impl IntoView {
    let usable: Vec<_> = methods
        .into_iter()
        .filter(|method| !method.is_expired)
        .collect();
    let body = if usable.is_empty() {
        view! {
            <p class="dialog-text">
                "Adding a card needs script: the browser itself gives its number to the payment processor. Switch script on and reload this page."
            </p>
        }
        .into_any()
    } else {
        let refusal = refusal.unwrap_or_default();
        view! { <PlainForm id methods=usable balance limits refusal/> }.into_any()
    };
    view! {
        <section class="card plain-top-up" aria-labelledby="plain-title">
            <h2 id="plain-title">"Add to credit balance"</h2>
            {body}
        </section>
    }
    .into_any()
}

#[component]
fn PlainForm(
    id: TopUpId,
    methods: Vec<PaymentMethodView>,
    balance: Balance,
    limits: TopUpLimits,
    refusal: Refusal,
) -> impl IntoView {
    let problem = Problem::of_refusal(&refusal);
    let at = |field: PaymentField| problem.clone().filter(|found| found.field == Some(field));
    let (amount_problem, method_problem) = (
        at(PaymentField::Amount).map(|problem| problem.message),
        at(PaymentField::PaymentMethod).map(|problem| problem.message),
    );
    let is_at_field = amount_problem.is_some() || method_problem.is_some();
    let general = problem.filter(|_| !is_at_field);
    let amount = refusal.typed("amount").map(str::to_owned);
    let amount = amount.unwrap_or_else(|| offer(&balance, limits).to_string());
    // Whatever breaks on the way, the server knows from the address which payment it was.
    let action = format!("{}?top_up={id}", StartTopUp::url());
    view! {
        <form id=FORM class="form" method="post" action=action>
            {general.map(|problem| view! {
                <Notice kind=NoticeKind::Bad>{problem.message}</Notice>
            })}
            <input type="hidden" name="id" value=id.to_string()/>
            <Amount limits amount problem=amount_problem/>
            <Method methods typed=refusal.typed("method").map(str::to_owned) problem=method_problem/>
            <div class="dialog-buttons">
                <a class="button" href="/billing" rel="external">"Cancel"</a>
                <button type="submit" class="button button-primary"><span>"Add credit"</span></button>
            </div>
        </form>
    }
    .into_any()
}

#[component]
fn Amount(limits: TopUpLimits, amount: String, problem: Option<String>) -> impl IntoView {
    let is_preset = PRESETS.iter().any(|preset| preset.to_string() == amount);
    let presets = PRESETS.map(|preset| {
        view! {
            <label class="preset">
                <input
                    type="radio"
                    name="amount"
                    value=preset.to_string()
                    checked=preset.to_string() == amount
                />
                {format!("${}", preset.get() / 100)}
            </label>
        }
    });
    let other = if is_preset { String::new() } else { amount };
    let hint = format!(
        "From {} to {}. What stands here is charged, whichever button is chosen.",
        exact(limits.minimum.dollars()),
        exact(limits.maximum.dollars())
    );
    let is_wrong = problem.is_some();
    view! {
        <fieldset class="amount-field">
            <legend>"Amount (USD)"</legend>
            <div class="presets">
                {presets.collect_view()}
                <label class="preset">
                    <input type="radio" name="amount" value="" checked=!is_preset/>
                    "Other"
                </label>
            </div>
            <div class="field">
                <label for=OTHER_AMOUNT>"Other amount"</label>
                <div class="input-box">
                    <span class="input-before" aria-hidden="true">"$"</span>
                    <input
                        id=OTHER_AMOUNT
                        name="other_amount"
                        inputmode="decimal"
                        autocomplete="transaction-amount"
                        // By it style knows whether something is typed.
                        placeholder=" "
                        value=other
                        autofocus=is_wrong
                        aria-invalid=is_wrong.then_some("true")
                        aria-describedby=if is_wrong { AMOUNT_PROBLEM } else { AMOUNT_HINT }
                    />
                </div>
                {match problem {
                    Some(message) => view! { <FieldProblem id=AMOUNT_PROBLEM.to_owned() message/> }.into_any(),
                    None => view! { <p class="field-hint" id=AMOUNT_HINT>{hint}</p> }.into_any(),
                }}
            </div>
        </fieldset>
    }
    .into_any()
}

#[component]
fn Method(
    methods: Vec<PaymentMethodView>,
    typed: Option<String>,
    problem: Option<String>,
) -> impl IntoView {
    let chosen = typed
        .and_then(|id| methods.iter().find(|method| method.id.to_string() == id))
        .or_else(|| methods.iter().find(|method| method.is_default))
        .or_else(|| methods.first())
        .map(|method| method.id);
    let rows = methods.into_iter().map(|method| {
        view! {
            <label class="method-option">
                <input
                    type="radio"
                    name="method"
                    value=method.id.to_string()
                    checked=Some(method.id) == chosen
                />
                <BrandMark brand=method.card.brand/>
                <span class="method-label">{method.card.label()}</span>
                <Expiry method/>
            </label>
        }
    });
    let described_by = problem.is_some().then_some(METHOD_PROBLEM);
    view! {
        <fieldset class="method-choice" aria-describedby=described_by>
            <legend>"Payment method"</legend>
            <div class="method-options">{rows.collect_view()}</div>
            {problem.map(|message| view! { <FieldProblem id=METHOD_PROBLEM.to_owned() message/> })}
            <p class="field-hint">
                "A new card needs script: switch it on in your browser and reload this page."
            </p>
        </fieldset>
    }
    .into_any()
}
