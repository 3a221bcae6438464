use leptos::prelude::*;
use types::history::{HistoryKind, HistoryRow, HistoryStatus};

use super::count::count;
use super::money::{Money, MoneyStyle};
use super::timestamp::Timestamp;

/// Billing history as a table; on a phone each row folds into two lines by style alone.
#[component]
pub fn HistoryTable(
    #[prop(into)] rows: Signal<Vec<HistoryRow>>,
    /// Names the table for screen readers.
    caption: &'static str,
) -> impl IntoView {
    view! {
        <table class="table history-table">
            <caption class="visually-hidden">{caption}</caption>
            <thead>
                <tr>
                    <th scope="col">"Date"</th>
                    <th scope="col">"Description"</th>
                    <th scope="col" class="numeric">"Amount"</th>
                    <th scope="col">"Status"</th>
                </tr>
            </thead>
            <tbody>
                // A row that settles keeps its id and must still be drawn anew.
                <For
                    each=move || rows.get()
                    key=|row| (row.id.clone(), row.status_label(), row.amount)
                    children=|row| view! { <Row row/> }
                />
            </tbody>
        </table>
    }
    .into_any()
}

#[component]
fn Row(row: HistoryRow) -> impl IntoView {
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
    let detail = detail(&row);
    view! {
        <tr class:row-void=!is_posted>
            <td class="history-date"><Timestamp at=row.at/></td>
            <td class="history-description">
                <span>{row.description()}</span>
                {detail.map(|detail| view! { <span class="row-detail">{detail}</span> })}
            </td>
            <td class=amount_class><Money amount=row.amount style/></td>
            <td class="history-status">
                <span class=pill_class(&row)>{row.status_label()}</span>
            </td>
        </tr>
    }
    .into_any()
}

/// The quiet second line: why it failed, with which card it was paid, how much was used.
fn detail(row: &HistoryRow) -> Option<String> {
    match (&row.status, &row.kind) {
        (HistoryStatus::Failed { reason }, _) => Some(reason.message().to_owned()),
        (HistoryStatus::Canceled, _) => Some("Nothing was charged.".to_owned()),
        (HistoryStatus::RequiresAction, _) => {
            Some("Waiting for you to confirm it at your bank.".to_owned())
        }
        (HistoryStatus::Processing, _) => {
            Some("Still processing, no need to pay again.".to_owned())
        }
        (HistoryStatus::Posted, HistoryKind::Credit { card }) => {
            card.as_ref().map(types::payment::Card::label)
        }
        (
            HistoryStatus::Posted,
            HistoryKind::Usage {
                requests, tokens, ..
            },
        ) => {
            let noun = if *requests == 1 {
                "request"
            } else {
                "requests"
            };
            Some(format!(
                "{} {noun}, {} tokens",
                count(*requests),
                count(*tokens)
            ))
        }
        (
            HistoryStatus::Posted,
            HistoryKind::PromotionalCredit
            | HistoryKind::Refund
            | HistoryKind::Dispute
            | HistoryKind::Expiry
            | HistoryKind::Adjustment,
        ) => None,
    }
}

const fn pill_class(row: &HistoryRow) -> &'static str {
    match (&row.status, &row.kind) {
        (HistoryStatus::Failed { .. }, _) => "pill pill-bad",
        (HistoryStatus::Canceled, _) => "pill",
        (HistoryStatus::Processing | HistoryStatus::RequiresAction, _) => "pill pill-waiting",
        (HistoryStatus::Posted, HistoryKind::Credit { .. } | HistoryKind::PromotionalCredit) => {
            "pill pill-good"
        }
        (
            HistoryStatus::Posted,
            HistoryKind::Usage { .. }
            | HistoryKind::Refund
            | HistoryKind::Dispute
            | HistoryKind::Expiry
            | HistoryKind::Adjustment,
        ) => "pill",
    }
}
