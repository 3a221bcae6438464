use leptos::prelude::*;
use types::dispute::DisputeStage;
use types::history::{HistoryKind, HistoryRow, HistoryStatus};
use types::money::Cents;
use types::refund::{Aftermath, RefundState};

use super::count::count;
use super::day::day_label;
use super::money::{Money, MoneyStyle};
use super::timestamp::Timestamp;
use crate::browser;
use crate::server_fns::refund::refund_page;
use crate::server_fns::top_up::status_page;

/// A space at which no line ends.
const NO_BREAK: &str = "\u{a0}";

/// Billing history as a table; on a phone each row folds into two lines by style alone.
///
/// Its roles are spelled out: with such a style some browsers take a table for none.
#[component]
pub fn HistoryTable(
    #[prop(into)] rows: Signal<Vec<HistoryRow>>,
    /// Names the table for screen readers.
    caption: &'static str,
    /// Opens what gives a credit back, where that is offered.
    #[prop(optional_no_strip)]
    refund: Option<Callback<HistoryRow>>,
) -> impl IntoView {
    view! {
        <table class="table history-table" role="table">
            <caption class="visually-hidden">{caption}</caption>
            <thead role="rowgroup">
                <tr role="row">
                    <th scope="col" role="columnheader">"Date"</th>
                    <th scope="col" role="columnheader">"Description"</th>
                    <th scope="col" role="columnheader" class="numeric">"Amount"</th>
                    <th scope="col" role="columnheader">"Status"</th>
                </tr>
            </thead>
            <tbody role="rowgroup">
                // A row that settles, or a day that goes on, keeps its id and must still be drawn
                // anew.
                <For
                    each=move || rows.get()
                    key=|row| {
                        (row.id.clone(), row.status_label(), row.amount, detail(row), refundable(row))
                    }
                    children=move |row| view! { <Row row refund/> }
                />
            </tbody>
        </table>
    }
    .into_any()
}

#[component]
fn Row(row: HistoryRow, refund: Option<Callback<HistoryRow>>) -> impl IntoView {
    let is_posted = row.is_posted();
    let style = if is_posted {
        MoneyStyle::Signed
    } else {
        MoneyStyle::Plain
    };
    let amount_class = match (is_posted, row.amount.is_negative() || row.amount.is_zero()) {
        (true, false) => "numeric amount amount-in",
        (true, true) | (false, _) => "numeric amount",
    };
    view! {
        <tr id=row_id(&row.id) class:row-void=!is_posted role="row" tabindex="-1">
            <td class="history-date" role="cell"><Timestamp at=row.at/></td>
            <td class="history-description" role="cell">
                <span>{row.description()}</span>
                <Detail row=row.clone() refund/>
            </td>
            <td class=amount_class role="cell"><Money amount=row.amount style/></td>
            <td class="history-status" role="cell">
                <span class=pill_class(&row)>{row.status_label()}</span>
            </td>
        </tr>
    }
    .into_any()
}

/// The id of a row in the page, where the focus goes when it was asked for.
pub fn row_id(row: &str) -> String {
    format!("history-{row}")
}

/// The quiet second line.
#[component]
fn Detail(row: HistoryRow, refund: Option<Callback<HistoryRow>>) -> impl IntoView {
    let words = detail(&row);
    let refund = refund.filter(|_| refundable(&row).is_some());
    if words.is_none() && row.booked_later.is_none() && refund.is_none() {
        return ().into_any();
    }
    let waits = row.status == HistoryStatus::RequiresAction;
    let confirm = waits
        .then(|| row.id.parse().ok().map(status_page))
        .flatten();
    let booked = row.booked_later.map(|at| {
        let before = if words.is_some() {
            ", booked "
        } else {
            "Booked "
        };
        view! { {before} <Timestamp at/> }
    });
    view! {
        <span class="row-detail">
            {words}
            {booked}
            {confirm.map(|page| view! { " " <a href=page rel="external">"Confirm"</a> })}
            {refund.map(|refund| view! { " · " <RefundLink row refund/> })}
        </span>
    }
    .into_any()
}

/// Opens a dialog; without script it leads to the form in the page.
#[component]
fn RefundLink(row: HistoryRow, refund: Callback<HistoryRow>) -> impl IntoView {
    let page = row.id.parse().ok().map(refund_page);
    let label = format!("Refund of {}", row.amount.exact_label());
    view! {
        <a
            href=page
            rel="external"
            aria-label=label
            on:click=move |event| browser::instead_of_following(&event, || refund.run(row.clone()))
        >
            "Refund"
        </a>
    }
    .into_any()
}

/// How much of a credit can be given back now.
fn refundable(row: &HistoryRow) -> Option<Cents> {
    match &row.kind {
        HistoryKind::Credit { refund, .. } => refund.as_ref()?.most(),
        HistoryKind::PromotionalCredit
        | HistoryKind::Usage { .. }
        | HistoryKind::Refund { .. }
        | HistoryKind::Dispute { .. }
        | HistoryKind::Expiry
        | HistoryKind::Adjustment => None,
    }
}

/// In words: why it failed, with which card it was paid, how much was used.
fn detail(row: &HistoryRow) -> Option<String> {
    match (&row.status, &row.kind) {
        (
            HistoryStatus::Failed { reason },
            HistoryKind::Credit {
                card: Some(card), ..
            },
        ) => Some(format!("{}. {}", card.label(), reason.message())),
        (HistoryStatus::Failed { reason }, _) => Some(reason.message().to_owned()),
        (_, HistoryKind::Refund { state, .. }) => Some(state.message().to_owned()),
        (HistoryStatus::Canceled, _) => Some("Nothing was charged.".to_owned()),
        (HistoryStatus::RequiresAction, _) => {
            Some("Waiting for you to confirm it at your bank.".to_owned())
        }
        (HistoryStatus::Processing, _) => {
            Some("Still processing, no need to pay again.".to_owned())
        }
        (HistoryStatus::Posted, HistoryKind::Credit { card, since, .. }) => {
            let card = card.as_ref().map(types::payment::Card::label);
            let refunded = match since {
                Aftermath::PartiallyRefunded { refunded } => {
                    Some(format!("{} refunded", refunded.dollars().exact_label()))
                }
                Aftermath::Kept
                | Aftermath::Refunded
                | Aftermath::Disputed
                | Aftermath::Reversed => None,
            };
            let words: Vec<_> = [card, refunded].into_iter().flatten().collect();
            (!words.is_empty()).then(|| words.join(", "))
        }
        (HistoryStatus::Posted, HistoryKind::Dispute { card, .. }) => {
            card.as_ref().map(types::payment::Card::label)
        }
        (
            HistoryStatus::Posted,
            HistoryKind::Usage {
                day,
                requests,
                tokens,
                ..
            },
        ) => {
            let noun = if *requests == 1 {
                "request"
            } else {
                "requests"
            };
            // The row's time is that of the day's first request; it is of the whole day.
            let day = format!("on {} (UTC)", day_label(*day)).replace(' ', NO_BREAK);
            Some(format!(
                "{} {noun}, {} tokens {day}",
                count(*requests),
                count(*tokens),
            ))
        }
        (
            HistoryStatus::Posted,
            HistoryKind::PromotionalCredit | HistoryKind::Expiry | HistoryKind::Adjustment,
        ) => None,
    }
}

const fn pill_class(row: &HistoryRow) -> &'static str {
    const BAD: &str = "pill pill-bad";
    const GOOD: &str = "pill pill-good";
    const WAITING: &str = "pill pill-waiting";
    match (&row.status, &row.kind) {
        (_, HistoryKind::Refund { state, .. }) => match state {
            RefundState::Processing => WAITING,
            RefundState::Succeeded => "pill",
            RefundState::Failed => BAD,
        },
        (HistoryStatus::Failed { .. }, _) => BAD,
        (HistoryStatus::Canceled, _) => "pill",
        (HistoryStatus::Processing | HistoryStatus::RequiresAction, _) => WAITING,
        (HistoryStatus::Posted, HistoryKind::Credit { since, .. }) => match since {
            Aftermath::Kept => GOOD,
            Aftermath::PartiallyRefunded { .. } | Aftermath::Refunded => "pill",
            Aftermath::Disputed => WAITING,
            Aftermath::Reversed => BAD,
        },
        (HistoryStatus::Posted, HistoryKind::Dispute { stage, .. }) => match stage {
            DisputeStage::Inquiry | DisputeStage::Open => WAITING,
            DisputeStage::Lost => BAD,
            DisputeStage::Won => GOOD,
            DisputeStage::Closed => "pill",
        },
        (HistoryStatus::Posted, HistoryKind::PromotionalCredit) => GOOD,
        (
            HistoryStatus::Posted,
            HistoryKind::Usage { .. } | HistoryKind::Expiry | HistoryKind::Adjustment,
        ) => "pill",
    }
}
