//! Transactions as JSON. Amounts are exact decimal strings of dollars.

use billing::credits::{Lot, LotKind};
use billing::transactions::{
    EventRates, Explained, Posting, Transaction, TransactionEvent, TransactionPage, Transfer,
    UsagePaid,
};
use serde::Serialize;
use types::pricing::Rate;
use utoipa::ToSchema;

use super::{exact, exact_cost, instant};

/// Transactions, newest first.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct TransactionList {
    transactions: Vec<TransactionBody>,
    /// `after` of the next page; null on the last one.
    #[schema(required = true, example = "41")]
    next: Option<String>,
}

/// One movement of the balance.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Transaction)]
pub(crate) struct TransactionBody {
    #[schema(format = "uuid")]
    id: String,
    /// The kind of movement, such as `top_up` or `usage`. There may be new ones.
    #[schema(example = "usage")]
    r#type: String,
    /// What caused it. No two transactions have the same.
    #[schema(example = "usage:019a1b2c-3d4e-7f60-8182-93a4b5c6d7e8")]
    source: String,
    /// What it did to the balance, in dollars; zero where it moved money between accounts of the
    /// organization.
    #[schema(pattern = "^-?[0-9]+\\.[0-9]{2,9}$", example = "-0.0000432")]
    amount: String,
    /// The balance after it, in dollars.
    #[schema(pattern = "^-?[0-9]+\\.[0-9]{2,9}$", example = "24.9999568")]
    balance: String,
    #[schema(format = DateTime)]
    booked_at: String,
}

/// One transaction with all that it consists of.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ExplainedTransaction {
    #[serde(flatten)]
    transaction: TransactionBody,
    /// In the order in which they were posted. Together they are balanced: what leaves one account
    /// enters another.
    transfers: Vec<TransferBody>,
    /// What the transfers did to the organization's own accounts.
    postings: Vec<PostingBody>,
    /// The lots of credit that the transfers drew on or filled, each as it stands now.
    lots: Vec<LotBody>,
    /// What was used; null where the transaction does not pay for usage.
    #[schema(required = true)]
    usage: Option<PaidUsage>,
}

/// An amount that left one account and entered another.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Transfer)]
struct TransferBody {
    /// The account that was debited.
    #[schema(example = "prepaid")]
    debit: String,
    /// The account that was credited.
    #[schema(example = "usage_revenue")]
    credit: String,
    #[schema(pattern = "^[0-9]+\\.[0-9]{2,9}$", example = "0.0000432")]
    amount: String,
    /// The lot of credit that it drew on or filled; null where neither account is kept in lots.
    #[schema(required = true, format = "uuid")]
    lot_id: Option<String>,
}

/// Credit that came at once, by a top-up or as a gift, with what is left of it.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Lot)]
struct LotBody {
    #[schema(format = "uuid")]
    id: String,
    kind: LotKindBody,
    /// What was in it at first, in dollars.
    #[schema(pattern = "^[0-9]+\\.[0-9]{2,9}$", example = "25.00")]
    granted: String,
    /// What is left of it now, in dollars.
    #[schema(pattern = "^[0-9]+\\.[0-9]{2,9}$", example = "24.9999568")]
    remaining: String,
    /// The lower is used first; among equals, what expires first.
    #[schema(example = 0)]
    priority: i64,
    #[schema(format = DateTime)]
    opened_at: String,
    /// From then on nothing is paid from it; null where it never expires.
    #[schema(required = true, format = DateTime)]
    expires_at: Option<String>,
}

/// Whether credit was bought or given.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = LotKind)]
#[serde(rename_all = "snake_case")]
enum LotKindBody {
    Purchase,
    Promotion,
}

/// One side of a transfer on an account of the organization.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Posting)]
struct PostingBody {
    #[schema(example = "prepaid")]
    account: String,
    /// Above zero where it raised the account's balance.
    #[schema(pattern = "^-?[0-9]+\\.[0-9]{2,9}$", example = "-0.0000432")]
    amount: String,
    /// The account's balance after it.
    #[schema(pattern = "^-?[0-9]+\\.[0-9]{2,9}$", example = "24.9999568")]
    balance: String,
}

/// The usage that a transaction paid for. Costs are finer than what is posted; the rest, below a
/// billionth of a dollar, is carried on to the next transaction.
#[derive(Debug, Serialize, ToSchema)]
struct PaidUsage {
    /// How many events there are in all.
    #[schema(minimum = 1)]
    event_count: i64,
    /// What the events cost together.
    #[schema(pattern = "^[0-9]+\\.[0-9]{2,12}$", example = "0.0000432")]
    cost: String,
    /// What earlier usage had left over.
    #[schema(pattern = "^[0-9]+\\.[0-9]{2,12}$", example = "0.00")]
    carried_in: String,
    /// What was taken from the balance.
    #[schema(pattern = "^[0-9]+\\.[0-9]{2,9}$", example = "0.0000432")]
    posted: String,
    /// What is left over for the next transaction.
    #[schema(pattern = "^[0-9]+\\.[0-9]{2,12}$", example = "0.00")]
    carried_out: String,
    events: Vec<EventBody>,
    /// `after` of the next page of events; null on the last one.
    #[schema(required = true, example = "100")]
    next: Option<String>,
}

/// One request that ran, and what it cost.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = PaidEvent)]
struct EventBody {
    source: String,
    id: String,
    /// For whom it ran, if its sender said so.
    #[schema(required = true)]
    subject: Option<String>,
    /// When it ran; it is priced by the rates in force then.
    #[schema(format = DateTime)]
    time: String,
    #[schema(format = DateTime)]
    received_at: String,
    #[schema(example = "gpt-oss-120b")]
    model: String,
    #[schema(minimum = 0)]
    input_tokens: i64,
    /// The part of the input that was cached.
    #[schema(minimum = 0)]
    cached_input_tokens: i64,
    #[schema(minimum = 0)]
    output_tokens: i64,
    rates: RatesBody,
    /// Its tokens times its rates, in dollars.
    #[schema(pattern = "^[0-9]+\\.[0-9]{2,12}$", example = "0.0000432")]
    cost: String,
    /// What its sender said that it cost. It is recorded and never charged.
    #[schema(
        required = true,
        pattern = "^[0-9]+\\.[0-9]{2,}$",
        example = "0.000041"
    )]
    claimed_cost: Option<String>,
    #[schema(format = "uuid")]
    project_id: String,
    #[schema(format = "uuid")]
    api_key_id: String,
    #[schema(required = true)]
    status: Option<i64>,
    #[schema(required = true)]
    latency_ms: Option<i64>,
    #[schema(required = true)]
    request_id: Option<String>,
}

/// Dollars for a million tokens, by the version of the rate card in force when the request ran.
/// Null: those tokens were not billed.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Rates)]
struct RatesBody {
    #[schema(format = DateTime)]
    effective_at: String,
    #[schema(required = true, example = "0.15")]
    input: Option<String>,
    #[schema(required = true, example = "0.15")]
    cached_input: Option<String>,
    #[schema(required = true, example = "0.6")]
    output: Option<String>,
}

impl From<TransactionPage> for TransactionList {
    fn from(page: TransactionPage) -> Self {
        Self {
            transactions: page.transactions.into_iter().map(Into::into).collect(),
            next: page.next.map(|place| place.to_string()),
        }
    }
}

impl From<Transaction> for TransactionBody {
    fn from(transaction: Transaction) -> Self {
        Self {
            id: transaction.id.to_string(),
            r#type: transaction.code,
            source: transaction.source,
            amount: exact(transaction.amount),
            balance: exact(transaction.balance),
            booked_at: instant(transaction.booked_at),
        }
    }
}

impl From<Explained> for ExplainedTransaction {
    fn from(explained: Explained) -> Self {
        Self {
            transaction: explained.transaction.into(),
            transfers: explained.transfers.into_iter().map(Into::into).collect(),
            postings: explained.postings.into_iter().map(Into::into).collect(),
            lots: explained.lots.into_iter().map(Into::into).collect(),
            usage: explained.usage.map(Into::into),
        }
    }
}

impl From<Transfer> for TransferBody {
    fn from(transfer: Transfer) -> Self {
        Self {
            debit: transfer.debit,
            credit: transfer.credit,
            amount: exact(transfer.amount),
            lot_id: transfer.lot.map(|lot| lot.to_string()),
        }
    }
}

impl From<Lot> for LotBody {
    fn from(lot: Lot) -> Self {
        Self {
            id: lot.id.to_string(),
            kind: match lot.kind {
                LotKind::Purchase => LotKindBody::Purchase,
                LotKind::Promotion => LotKindBody::Promotion,
            },
            granted: exact(lot.granted),
            remaining: exact(lot.remaining),
            priority: lot.priority,
            opened_at: instant(lot.opened_at),
            expires_at: lot.expires_at.map(instant),
        }
    }
}

impl From<Posting> for PostingBody {
    fn from(posting: Posting) -> Self {
        Self {
            account: posting.account,
            amount: exact(posting.amount),
            balance: exact(posting.balance),
        }
    }
}

impl From<UsagePaid> for PaidUsage {
    fn from(usage: UsagePaid) -> Self {
        Self {
            event_count: usage.event_count,
            cost: exact_cost(usage.cost),
            carried_in: exact_cost(usage.carried_in),
            posted: exact(usage.posted),
            carried_out: exact_cost(usage.carried_out),
            events: usage.events.into_iter().map(Into::into).collect(),
            next: usage.next.map(|place| place.to_string()),
        }
    }
}

impl From<TransactionEvent> for EventBody {
    fn from(event: TransactionEvent) -> Self {
        Self {
            source: event.source,
            id: event.id,
            subject: event.subject,
            time: instant(event.occurred_at),
            received_at: instant(event.received_at),
            model: event.model,
            input_tokens: event.tokens.input,
            cached_input_tokens: event.tokens.cached_input,
            output_tokens: event.tokens.output,
            rates: event.rates.into(),
            cost: exact_cost(event.cost),
            claimed_cost: event.claimed_cost.map(types::money::Dollars::exact),
            project_id: event.project.to_string(),
            api_key_id: event.api_key.to_string(),
            status: event.status,
            latency_ms: event.latency_ms,
            request_id: event.request_id,
        }
    }
}

impl From<EventRates> for RatesBody {
    fn from(rates: EventRates) -> Self {
        let written = |rate: Option<Rate>| rate.map(|rate| rate.per_million().to_string());
        Self {
            effective_at: instant(rates.effective_at),
            input: written(rates.input),
            cached_input: written(rates.cached_input),
            output: written(rates.output),
        }
    }
}
