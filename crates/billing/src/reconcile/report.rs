//! The words for what differs: kinds, what to do about each, and the report of one comparison.

use serde::{Deserialize, Serialize};
use types::ids::{OrganizationId, TopUpId};
use types::time::Timestamp;

macro_rules! kinds {
    ($($(#[$doc:meta])* $name:ident $word:literal $advice:literal)*) => {
        /// In what the gateway and we differ.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        pub enum Kind {
            $($(#[$doc])* #[serde(rename = $word)] $name,)*
        }

        impl Kind {
            pub const ALL: &[Self] = &[$(Self::$name,)*];

            /// Its word in reports and metrics.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$name => $word,)* }
            }

            /// What an operator does about it.
            #[must_use]
            pub const fn what_to_do(self) -> &'static str {
                match self { $(Self::$name => $advice,)* }
            }
        }
    };
}

kinds! {
    /// The gateway took money for a top-up, and it cannot be credited: of another amount, for one.
    PaidNotCredited "paid_not_credited"
        "read in the log why it cannot be credited, or refund it at the gateway"
    /// There is credit, and the gateway took nothing or knows nothing.
    CreditedNotPaid "credited_not_paid"
        "look the payment up at the gateway; if it was never paid, talk to the customer and correct \
         the balance by hand"
    AmountDiffers "amount_differs"
        "refund the payment at the gateway, or correct the balance by the difference"
    CurrencyDiffers "currency_differs"
        "refund the payment at the gateway: only dollars can be credited"
    /// The ledger and the payment's row do not say the same.
    StateDiffers "state_differs"
        "run `zerogpu-billing prove`; if it holds, look at the payment at the gateway"
    FeeMissing "fee_missing"
        "wait a day for the gateway to settle the fee; if it is still missing, or kept in another \
         currency, let the account settle in dollars"
    FeeDiffers "fee_differs"
        "compare with the gateway's balance report and book the difference"
    /// The account settles in other money than dollars: fees and disputes cannot be booked.
    SettlesElsewhere "settles_elsewhere"
        "add a bank account in dollars at the gateway and let it settle dollars there"
    /// A payment that no top-up of ours asked for.
    UnknownPayment "unknown_payment"
        "find out who made it at the gateway; refund it if nobody meant it"
    /// One top-up was paid by two payments.
    PaidTwice "paid_twice"
        "refund the second payment at the gateway"
    /// Money went back to a card, and the credit of it cannot be taken back.
    RefundUnknown "refund_unknown"
        "see to the payment first, if it is listed too; else read in the log why it cannot be \
         taken back"
    /// The credit was taken back, and no money went to the card.
    RefundMissing "refund_missing"
        "look the refund up at the gateway; if it was never made, make it there"
    /// Both know of it, and differ about how much it is or how it ended.
    RefundDiffers "refund_differs"
        "look the refund up at the gateway, and correct the balance by hand"
    DisputeUnknown "dispute_unknown"
        "wait ten minutes for the server to look; else send the gateway's event again"
    DisputeDiffers "dispute_differs"
        "wait ten minutes for the server to look; else send the gateway's newest event again"
    /// A payment is another customer's than its organization's, or a customer is gone.
    CustomerUnknown "customer_unknown"
        "compare the customer's organization_id at the gateway with the organization here; one that \
         was deleted there is made anew when its organization pays or adds a card"
    /// It can be charged at the gateway and is not saved here.
    CardUnknown "card_unknown"
        "detach the card at the gateway, unless somebody is saving it this minute"
    /// It is saved here and cannot be charged.
    CardDetached "card_detached"
        "ask the customer to add the card again; it was detached at the gateway"
    /// Its credit is out of the balance, and no money is at the card.
    RefundStuck "refund_stuck"
        "look the refund up at the gateway: it may want balance there, or the key the right to \
         refund; start with that account's keys if it is another's"
    TopUpStuck "top_up_stuck"
        "look the payment up at the gateway; start with that account's keys if it is another's"
    /// A notice of the gateway's that could not be applied.
    NoticeParked "notice_parked"
        "read `zerogpu-billing notices list`, mend the cause, then dismiss it there"
}

/// What one side says.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Side {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cents: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub currency: Option<String>,
    /// In that side's own word, such as `succeeded`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub state: Option<String>,
}

/// One thing that the gateway and we do not say alike.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Disagreement {
    pub kind: Kind,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub organization: Option<OrganizationId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub top_up: Option<TopUpId>,
    /// The gateway's name for it: `pi_…`, `re_…`, `du_…`, `pm_…`, `cus_…`, `evt_…`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reference: Option<String>,
    pub ours: Side,
    pub gateway: Side,
}

/// How much was compared.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Compared {
    pub payments: u64,
    pub refunds: u64,
    pub disputes: u64,
    pub customers: u64,
}

/// What a comparison found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    /// Whose payments: the gateway's account.
    pub account: String,
    /// Payments since then; what waits is looked at however old it is.
    pub since: Timestamp,
    pub finished_at: Timestamp,
    pub compared: Compared,
    /// Payments, refunds and cards whose notice was lost or late, and that agree now.
    pub settled: u64,
    pub disagreements: Vec<Disagreement>,
    /// Found and not listed: there were too many.
    pub unlisted: u64,
    /// What was not looked at, in words; empty when all was.
    pub left_out: Vec<String>,
}

impl Report {
    /// Whether all was compared and nothing differs.
    #[must_use]
    pub const fn agrees(&self) -> bool {
        self.disagreements.is_empty() && self.unlisted == 0 && self.left_out.is_empty()
    }

    /// How many of a kind are listed.
    #[must_use]
    pub fn count(&self, kind: Kind) -> usize {
        let of_kind = self.disagreements.iter().filter(|found| found.kind == kind);
        of_kind.count()
    }
}
