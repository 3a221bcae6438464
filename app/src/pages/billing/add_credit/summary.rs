use leptos::prelude::*;
use types::money::Cents;
use types::top_up::TopUpQuote;

use super::flow::TopUpForm;
use crate::components::money::{Money, MoneyStyle};

const UNKNOWN: &str = "–";

/// What the person gets, and what is added to its price.
#[component]
pub fn Summary(form: TopUpForm) -> impl IntoView {
    view! {
        <dl class="summary">
            <div><dt>"Credit"</dt><dd>{line(form, |quote| quote.credit)}</dd></div>
            <div><dt>"Fee"</dt><dd>{line(form, |quote| quote.fee)}</dd></div>
            <div><dt>"Tax"</dt><dd>{line(form, |quote| quote.tax)}</dd></div>
        </dl>
    }
    .into_any()
}

/// What is paid and what there is then. It stands beside the button, so that nobody pays without
/// having seen it.
#[component]
pub fn Total(form: TopUpForm) -> impl IntoView {
    let new_balance = move || {
        let balance = form.page.with(|page| page.balance.posted()).ok()?;
        let credit = quote(form)?.credit.money().ok()?;
        balance.plus(credit).ok()
    };
    let new_balance = move || match new_balance() {
        Some(sum) => {
            view! { <Money amount=sum.dollars() style=MoneyStyle::RoundedDown/> }.into_any()
        }
        None => UNKNOWN.into_any(),
    };
    view! {
        <dl class="summary">
            <div class="summary-total">
                <dt>"Total"</dt>
                <dd>{line(form, |quote| quote.total)}</dd>
            </div>
            <div><dt>"New balance"</dt><dd>{new_balance}</dd></div>
        </dl>
    }
    .into_any()
}

/// An amount that would be refused is not added up.
fn quote(form: TopUpForm) -> Option<TopUpQuote> {
    form.payable().map(TopUpQuote::of)
}

fn line(form: TopUpForm, part: fn(&TopUpQuote) -> Cents) -> impl Fn() -> AnyView + Copy {
    move || match quote(form) {
        Some(quote) => view! { <Money amount=part(&quote).dollars()/> }.into_any(),
        None => UNKNOWN.into_any(),
    }
}
