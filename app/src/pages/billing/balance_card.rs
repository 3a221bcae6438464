use leptos::prelude::*;
use types::balance::Balance;
use types::top_up::TopUpLimits;

use crate::components::balance_line::{BalanceLine, Day};
use crate::components::money::{Money, MoneyStyle};
use crate::pages::billing::add_credit::Settling;

/// `$999,999.99`: what is longer is written smaller on a narrow page.
const USUAL_LENGTH: usize = 11;

/// What there is, what of it is held or owed, how long it lasts, and how it moved.
#[component]
pub fn BalanceCard(
    balance: Balance,
    limits: TopUpLimits,
    daily: Vec<Day>,
    runway_days: Option<u32>,
    /// What may be done about it.
    children: Children,
) -> impl IntoView {
    // A sum past the type's range would be nine billion dollars: what was bought is shown then.
    let posted = balance.posted().unwrap_or(balance.prepaid).dollars();
    let exact = posted.has_hidden_digits().then(|| posted.exact_label());
    let is_long = posted.rounded_down().len() > USUAL_LENGTH;
    view! {
        <section class="card balance-card" aria-labelledby="balance-title">
            <div class="balance-head">
                <h2 id="balance-title">"Credit balance"</h2>
                {children()}
            </div>
            <div class="balance-figures">
                <p
                    class="balance-amount"
                    class:negative=posted.is_negative()
                    class:long=is_long
                >
                    <Money amount=posted style=MoneyStyle::RoundedDown/>
                </p>
                {exact.map(|exact| view! {
                    <p class="balance-exact">
                        "Exactly "
                        <span class="mono" title="The exact balance">{exact}</span>
                    </p>
                })}
                <Parts balance limits/>
                <p class="balance-runway">{runway(runway_days, balance)}</p>
                <p class="balance-purpose">"API usage is paid from this balance."</p>
            </div>
            <BalanceLine days=daily/>
        </section>
    }
    .into_any()
}

/// Held, available and owed, where they say more than the balance does.
#[component]
fn Parts(balance: Balance, limits: TopUpLimits) -> impl IntoView {
    let held = (!balance.held.is_zero()).then(|| balance.held.dollars());
    // Less than the balance where something is set aside, or has expired and is still booked.
    let available = (!balance.held.is_zero() || !balance.expired.is_zero())
        .then(|| balance.available().ok())
        .flatten()
        .map(|money| money.dollars());
    let promotional = (!balance.promotional.is_zero()).then(|| balance.promotional.dollars());
    let parts = [
        ("Available", available),
        ("Held for running requests", held),
        ("Promotional", promotional),
    ];
    let shown: Vec<_> = parts
        .into_iter()
        .filter_map(|(label, amount)| Some((label, amount?)))
        .collect();
    let settling = Settling::of(&balance, limits);
    (!shown.is_empty() || settling.is_some()).then(|| {
        let rows = shown.into_iter().map(|(label, amount)| {
            view! {
                <div>
                    <dt>{label}</dt>
                    <dd><Money amount style=MoneyStyle::RoundedDown/></dd>
                </div>
            }
        });
        view! {
            <dl class="balance-parts">
                {rows.collect_view()}
                {settling.map(|settling| view! { <Owed settling/> })}
            </dl>
        }
    })
}

/// What is said to settle what is owed must settle it: to the cent, and rounded up.
#[component]
fn Owed(settling: Settling) -> impl IntoView {
    let label = if settling.by_any {
        "Owed, settled by your next top-up"
    } else {
        "Owed, settled by adding"
    };
    let amount = settling.amount.dollars();
    view! {
        <div>
            <dt>{label}</dt>
            <dd><Money amount style=MoneyStyle::Cents/></dd>
        </div>
    }
}

fn runway(days: Option<u32>, balance: Balance) -> String {
    let is_spent = balance.posted().is_ok_and(|posted| !posted.is_positive());
    match (days, is_spent) {
        (_, true) => "Add credit to run requests.".to_owned(),
        (None, false) => "Nothing was used in the last 7 days.".to_owned(),
        (Some(0), false) => "Less than a day at this week's pace.".to_owned(),
        (Some(1), false) => "About a day at this week's pace.".to_owned(),
        (Some(days), false) if days > A_YEAR => "More than a year at this week's pace.".to_owned(),
        (Some(days), false) => format!("About {days} days at this week's pace."),
    }
}

/// Beyond this a number of days would pretend to know more than a week's pace tells.
const A_YEAR: u32 = 365;
