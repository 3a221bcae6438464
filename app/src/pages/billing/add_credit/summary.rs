use leptos::prelude::*;
use types::money::Cents;
use types::top_up::TopUpQuote;

use super::flow::TopUpForm;
use crate::components::money::{Money, MoneyStyle};

const UNKNOWN: &str = "–";

/// What the person gets and pays, before paying.
#[component]
pub fn Summary(form: TopUpForm) -> impl IntoView {
    // An amount that would be refused is not added up.
    let quote = Memo::new(move |_| {
        let amount = form.cents().ok()?;
        let limits = form.page.with(|page| page.limits);
        limits.check(amount).ok().map(|()| TopUpQuote::of(amount))
    });
    let line = move |part: fn(&TopUpQuote) -> Cents| {
        move || match quote.get() {
            Some(quote) => view! { <Money amount=part(&quote).dollars()/> }.into_any(),
            None => UNKNOWN.into_any(),
        }
    };
    let new_balance = move || {
        let balance = form.page.with(|page| page.balance.posted()).ok();
        let credit = quote.get().and_then(|quote| quote.credit.money().ok());
        match balance
            .zip(credit)
            .and_then(|(balance, credit)| balance.plus(credit).ok())
        {
            Some(sum) => {
                view! { <Money amount=sum.dollars() style=MoneyStyle::RoundedDown/> }.into_any()
            }
            None => UNKNOWN.into_any(),
        }
    };
    view! {
        <dl class="summary">
            <div><dt>"Credit"</dt><dd>{line(|quote| quote.credit)}</dd></div>
            <div><dt>"Fee"</dt><dd>{line(|quote| quote.fee)}</dd></div>
            <div><dt>"Tax"</dt><dd>{line(|quote| quote.tax)}</dd></div>
            <div class="summary-total"><dt>"Total"</dt><dd>{line(|quote| quote.total)}</dd></div>
            <div><dt>"New balance"</dt><dd>{new_balance}</dd></div>
        </dl>
    }
    .into_any()
}
