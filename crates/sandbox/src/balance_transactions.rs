//! Owns balance transactions: what each movement did to the merchant's balance, fees included.
//! Amounts are integer cents, negative when money leaves. Does not own the movements.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::call::Call;
use crate::errors::ApiError;
use crate::form::Form;
use crate::ids::new_id;
use crate::lists::{self, PAGE_PARAMETERS};
use crate::store::{Object, Owners, Selection, View};

/// Stripe's standard price: 2.9 % + 30 cents, rounded half up.
const FEE_PER_MILLE: i64 = 29;
const FEE_FIXED_CENTS: i64 = 30;
/// What a dispute costs, won or lost.
pub(crate) const DISPUTE_FEE_CENTS: i64 = 1_500;
/// When a charge's money becomes available.
const PAYOUT_DELAY_SECONDS: i64 = 2 * 24 * 60 * 60;

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct BalanceTransaction {
    id: String,
    created: i64,
    amount: i64,
    fee: i64,
    currency: String,
    description: Option<String>,
    movement: Movement,
    /// The charge, refund or dispute.
    source: String,
    available_on: i64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Movement {
    Charge,
    /// A charge whose money is available at once.
    ChargeAvailable,
    Refund,
    RefundFailure,
    DisputeWithdrawal,
    DisputeReversal,
}

impl Movement {
    fn kind(self) -> &'static str {
        match self {
            Self::Charge | Self::ChargeAvailable => "charge",
            Self::Refund => "refund",
            Self::RefundFailure => "refund_failure",
            Self::DisputeWithdrawal | Self::DisputeReversal => "adjustment",
        }
    }

    fn category(self) -> &'static str {
        match self {
            Self::Charge | Self::ChargeAvailable => "charge",
            Self::Refund => "refund",
            Self::RefundFailure => "refund_failure",
            Self::DisputeWithdrawal => "dispute",
            Self::DisputeReversal => "dispute_reversal",
        }
    }

    /// Cents that the processor keeps of `amount`.
    fn fee(self, amount: i64) -> i64 {
        match self {
            Self::Charge | Self::ChargeAvailable => charge_fee(amount),
            Self::DisputeWithdrawal => DISPUTE_FEE_CENTS,
            Self::Refund | Self::RefundFailure | Self::DisputeReversal => 0,
        }
    }
}

fn charge_fee(amount: i64) -> i64 {
    (amount * FEE_PER_MILLE + 500) / 1_000 + FEE_FIXED_CENTS
}

impl Object for BalanceTransaction {
    const KIND: &'static str = "balance_transaction";

    fn id(&self) -> &str {
        &self.id
    }

    fn created(&self) -> i64 {
        self.created
    }

    fn owners(&self) -> Owners<'_> {
        // Listed by its source; the column that serves it is the charge's.
        Owners {
            charge: Some(&self.source),
            ..Owners::default()
        }
    }

    fn render(&self, view: &View<'_>) -> Value {
        let fee_details = match self.fee {
            0 => json!([]),
            fee => json!([{
                "amount": fee,
                "application": null,
                "currency": self.currency,
                "description": self.fee_description(),
                "type": "stripe_fee",
            }]),
        };
        json!({
            "id": self.id,
            "object": "balance_transaction",
            "amount": self.amount,
            "available_on": self.available_on,
            "balance_type": "payments",
            "created": self.created,
            "currency": self.currency,
            "description": self.description,
            "exchange_rate": null,
            "fee": self.fee,
            "fee_details": fee_details,
            "net": self.amount - self.fee,
            "reporting_category": self.movement.category(),
            "source": self.source,
            "status": if self.available_on <= view.now { "available" } else { "pending" },
            "type": self.movement.kind(),
        })
    }
}

impl BalanceTransaction {
    fn fee_description(&self) -> &'static str {
        match self.movement == Movement::DisputeWithdrawal {
            true => "Dispute fee",
            false => "Stripe processing fees",
        }
    }
}

/// Books `amount` cents (negative: money leaves) and returns the id.
pub(crate) async fn book(
    call: &mut Call<'_>,
    movement: Movement,
    amount: i64,
    currency: &str,
    source: &str,
    description: Option<String>,
) -> Result<BalanceTransaction, ApiError> {
    let delay = match movement {
        Movement::ChargeAvailable => 0,
        Movement::Charge
        | Movement::Refund
        | Movement::RefundFailure
        | Movement::DisputeWithdrawal
        | Movement::DisputeReversal => PAYOUT_DELAY_SECONDS,
    };
    let transaction = BalanceTransaction {
        id: new_id("txn"),
        created: call.now,
        amount,
        fee: movement.fee(amount),
        currency: currency.to_owned(),
        description,
        movement,
        source: source.to_owned(),
        available_on: call.now + delay,
    };
    call.insert(&transaction).await?;
    Ok(transaction)
}

impl BalanceTransaction {
    pub(crate) fn into_id(self) -> String {
        self.id
    }
}

pub(crate) async fn retrieve(call: &mut Call<'_>, id: &str) -> Result<Value, ApiError> {
    let transaction: BalanceTransaction = call.get(id).await?;
    Ok(call.render(&transaction))
}

pub(crate) async fn list(call: &mut Call<'_>, form: &Form) -> Result<Value, ApiError> {
    form.expect_only(&[PAGE_PARAMETERS.as_slice(), &["source"]].concat())?;
    let owners = Selection {
        charge: form.owned("source"),
        ..Selection::default()
    };
    lists::page::<BalanceTransaction>(call, form, "/v1/balance_transactions", owners).await
}

/// `GET /v1/balance`: what is available and what is on its way.
pub(crate) async fn balance(call: &mut Call<'_>) -> Result<Value, ApiError> {
    let sums: Vec<(String, i64, i64)> = sqlx::query_as(
        "select state ->> 'currency',
                sum(case when state ->> 'available_on' <= $1
                    then (state ->> 'amount') - (state ->> 'fee') else 0 end),
                sum(case when state ->> 'available_on' > $1
                    then (state ->> 'amount') - (state ->> 'fee') else 0 end)
         from objects where kind = $2 group by 1 order by 1",
    )
    .bind(call.now)
    .bind(BalanceTransaction::KIND)
    .fetch_all(&mut *call.db)
    .await?;
    let line = |currency: &str, amount: i64| json!({ "amount": amount, "currency": currency, "source_types": { "card": amount } });
    let available: Vec<Value> = sums.iter().map(|(c, amount, _)| line(c, *amount)).collect();
    let pending: Vec<Value> = sums.iter().map(|(c, _, amount)| line(c, *amount)).collect();
    Ok(json!({
        "object": "balance",
        "available": available,
        "livemode": false,
        "pending": pending,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fee_is_two_point_nine_percent_and_thirty_cents_rounded_half_up() {
        assert_eq!(charge_fee(2_500), 103); // 72.5 rounds to 73
        assert_eq!(charge_fee(500), 45); // 14.5 rounds to 15
        assert_eq!(charge_fee(10_000), 320);
    }
}
