//! What is being done when the server dies.

use billing::crash::CrashPoint;

#[derive(Debug, Clone, Copy)]
pub struct Case {
    pub point: CrashPoint,
    pub story: Story,
    pub afterwards: Afterwards,
}

/// What the person does after the server is back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Afterwards {
    /// The same once more, under the same id.
    ClickedAgain,
    LeftAlone,
    /// Nobody does, and the processor's notices are lost: only asking is left.
    Unheard,
}

/// In which act a point is come by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Story {
    /// Credit is added by somebody whom the processor does not know.
    FirstTopUp,
    /// Credit is added with a new card.
    TopUp,
    /// A top-up that waits for its bank is given up.
    Cancel,
    /// The server died before it could ask for money, and asks later by itself.
    AskedAbout,
    /// The bank's page was confirmed, and the processor says so.
    Noticed,
    AddCard,
    RemoveCard,
    /// A part of a top-up is given back.
    Refund,
}

/// How a point is gone through. The third makes a difference where the gateway was asked and nothing
/// of its answer is durable: before that there is no notice, after it none is needed.
pub fn endings(point: CrashPoint) -> &'static [Afterwards] {
    let needs_a_notice = matches!(
        point,
        CrashPoint::ChargeAfterCall
            | CrashPoint::SettleBeforePosting
            | CrashPoint::SettleAfterPosting
            | CrashPoint::SettleBeforeCommit
            | CrashPoint::CancelAfterCall
            | CrashPoint::RefundAfterCall
            | CrashPoint::RefundSettleBeforeCommit
    );
    if needs_a_notice {
        &[
            Afterwards::ClickedAgain,
            Afterwards::LeftAlone,
            Afterwards::Unheard,
        ]
    } else {
        &[Afterwards::ClickedAgain, Afterwards::LeftAlone]
    }
}

impl Story {
    /// A point that has no story does not compile.
    pub fn of(point: CrashPoint) -> Self {
        match point {
            CrashPoint::CustomerBeforeCall | CrashPoint::CustomerAfterCall => Self::FirstTopUp,
            CrashPoint::TopUpBeforeRow
            | CrashPoint::TopUpBeforeCommit
            | CrashPoint::TopUpAfterCommit
            | CrashPoint::ChargeBeforeCall
            | CrashPoint::ChargeAfterCall
            | CrashPoint::SettleBeforePosting
            | CrashPoint::SettleAfterPosting
            | CrashPoint::SettleBeforeCommit
            | CrashPoint::SettleAfterCommit
            | CrashPoint::TopUpBeforeAnswer => Self::TopUp,
            CrashPoint::CancelBeforeCall | CrashPoint::CancelAfterCall => Self::Cancel,
            CrashPoint::ReconciliationBeforeCall | CrashPoint::ReconciliationAfterSettling => {
                Self::AskedAbout
            }
            CrashPoint::NoticeBeforeCall
            | CrashPoint::NoticeAfterCall
            | CrashPoint::NoticeBeforeCommit
            | CrashPoint::NoticeAfterCommit => Self::Noticed,
            CrashPoint::CardBeforeCall
            | CrashPoint::CardAfterCall
            | CrashPoint::CardBeforeCommit
            | CrashPoint::CardAfterCommit => Self::AddCard,
            CrashPoint::RemovalBeforeCall | CrashPoint::RemovalAfterCall => Self::RemoveCard,
            CrashPoint::RefundBeforeCommit
            | CrashPoint::RefundAfterCommit
            | CrashPoint::RefundBeforeCall
            | CrashPoint::RefundAfterCall
            | CrashPoint::RefundSettleBeforeCommit
            | CrashPoint::RefundSettleAfterCommit => Self::Refund,
        }
    }
}
