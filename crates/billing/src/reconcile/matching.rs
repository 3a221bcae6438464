//! What a payment at the gateway and ours say of each other. Pure.

use types::ids::{OrganizationId, PaymentId, TopUpId};

use super::report::{Disagreement, Kind, Side};
use crate::payments::gateway::GatewayIntent;
use crate::payments::listed::{ListedPayment, Standing, Sum};

/// The one currency that is credited.
const CURRENCY: &str = "usd";
const NANOS_A_CENT: i64 = 10_000_000;

/// A payment as our rows and the ledger have it.
#[derive(Debug, Clone)]
pub(super) struct OurPayment {
    pub(super) payment: PaymentId,
    pub(super) top_up: TopUpId,
    pub(super) organization: OrganizationId,
    pub(super) asked_cents: i64,
    pub(super) state: String,
    pub(super) intent: Option<GatewayIntent>,
    pub(super) fee_cents: Option<i64>,
    /// The organization's, at the payment's account.
    pub(super) customer: String,
    /// What the ledger credited for it.
    pub(super) credited_nano: i64,
}

impl OurPayment {
    pub(super) const fn is_credited(&self) -> bool {
        self.credited_nano != 0
    }

    pub(super) fn is_pending(&self) -> bool {
        self.state == "pending"
    }

    /// Whether the payment at the gateway is this one, as opposed to another for its top-up.
    pub(super) fn is(&self, intent: &GatewayIntent) -> bool {
        self.intent.as_ref().is_none_or(|known| known == intent)
    }

    fn side(&self) -> Side {
        let cents = if self.is_credited() {
            self.credited_nano / NANOS_A_CENT
        } else {
            self.asked_cents
        };
        Side {
            cents: Some(cents),
            currency: Some(CURRENCY.to_owned()),
            state: Some(self.state.clone()),
        }
    }
}

/// Everything that differs between a payment that the gateway has and ours, if there is one.
pub(super) fn listed(theirs: &ListedPayment, ours: Option<&OurPayment>) -> Vec<Disagreement> {
    let found = |kind| Disagreement {
        kind,
        organization: ours.map(|ours| ours.organization),
        top_up: ours.map(|ours| ours.top_up),
        reference: Some(theirs.intent.to_string()),
        ours: ours.map(OurPayment::side).unwrap_or_default(),
        gateway: Side {
            state: Some(theirs.status.clone()),
            ..side(&theirs.sum)
        },
    };
    let is_paid = theirs.standing == Standing::Paid;
    // What went back whole is mended: nobody lacks anything.
    let is_kept = is_paid && theirs.refunded_cents < theirs.sum.cents;
    let Some(own) = ours else {
        return is_kept
            .then(|| found(Kind::UnknownPayment))
            .into_iter()
            .collect();
    };
    if !own.is(&theirs.intent) {
        return is_kept
            .then(|| found(Kind::PaidTwice))
            .into_iter()
            .collect();
    }
    if is_paid && !is_kept && !own.is_credited() {
        return Vec::new();
    }
    let mut kinds = Vec::new();
    if theirs.sum.currency != CURRENCY {
        kinds.push(Kind::CurrencyDiffers);
    } else if is_paid {
        kinds.extend(money(theirs.sum.cents, own));
    } else if own.is_credited() {
        kinds.push(Kind::CreditedNotPaid);
    } else if own.state == "succeeded" || (theirs.standing == Standing::Open && !own.is_pending()) {
        kinds.push(Kind::StateDiffers);
    }
    if theirs.customer.as_ref() != Some(&own.customer) {
        kinds.push(Kind::CustomerUnknown);
    }
    let mut all: Vec<_> = kinds.into_iter().map(found).collect();
    if own.is_credited() && is_paid {
        all.extend(fee(theirs, own).map(|(kind, kept)| Disagreement {
            ours: Side {
                cents: own.fee_cents,
                ..Side::default()
            },
            gateway: side(kept),
            ..found(kind)
        }));
    }
    all
}

/// The same for a payment of ours that the gateway does not have.
pub(super) fn missing(ours: &OurPayment) -> Option<Disagreement> {
    let kind = if ours.is_credited() {
        Kind::CreditedNotPaid
    } else if ours.state == "succeeded" {
        Kind::StateDiffers
    } else {
        return None;
    };
    Some(Disagreement {
        kind,
        organization: Some(ours.organization),
        top_up: Some(ours.top_up),
        reference: ours.intent.as_ref().map(ToString::to_string),
        ours: ours.side(),
        gateway: Side {
            state: Some("missing".to_owned()),
            ..Side::default()
        },
    })
}

/// What differs about money that was paid in dollars.
fn money(paid_cents: i64, ours: &OurPayment) -> Option<Kind> {
    let credited = i128::from(ours.credited_nano);
    let paid = i128::from(paid_cents) * i128::from(NANOS_A_CENT);
    if paid_cents != ours.asked_cents || (ours.is_credited() && credited != paid) {
        Some(Kind::AmountDiffers)
    } else if !ours.is_credited() {
        Some(Kind::PaidNotCredited)
    } else {
        (ours.state != "succeeded").then_some(Kind::StateDiffers)
    }
}

/// What differs about a fee, once the gateway tells it. One that is not in dollars cannot be booked,
/// and the payment's money stays on its way for ever.
fn fee<'a>(theirs: &'a ListedPayment, ours: &OurPayment) -> Option<(Kind, &'a Sum)> {
    let kept = theirs.fee.as_ref()?;
    match ours.fee_cents {
        None => Some((Kind::FeeMissing, kept)),
        Some(booked) => (booked != kept.cents).then_some((Kind::FeeDiffers, kept)),
    }
}

fn side(sum: &Sum) -> Side {
    Side {
        cents: Some(sum.cents),
        currency: Some(sum.currency.clone()),
        state: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn theirs() -> ListedPayment {
        let usd = |cents| Sum {
            cents,
            currency: "usd".to_owned(),
        };
        ListedPayment {
            intent: "pi_1".parse().unwrap(),
            standing: Standing::Paid,
            status: "succeeded".to_owned(),
            sum: usd(2_500),
            refunded_cents: 0,
            fee: Some(usd(103)),
            customer: Some("cus_1".to_owned()),
            top_up: None,
        }
    }

    fn ours() -> OurPayment {
        OurPayment {
            payment: PaymentId::generate(),
            top_up: TopUpId::generate(),
            organization: OrganizationId::generate(),
            asked_cents: 2_500,
            state: "succeeded".to_owned(),
            intent: Some("pi_1".parse().unwrap()),
            fee_cents: Some(103),
            customer: "cus_1".to_owned(),
            credited_nano: 2_500 * NANOS_A_CENT,
        }
    }

    type Change = fn(&mut ListedPayment, &mut OurPayment);

    fn unpaid(theirs: &mut ListedPayment, standing: Standing) {
        theirs.standing = standing;
        theirs.fee = None;
    }

    fn uncredited(ours: &mut OurPayment, state: &str) {
        ours.state = state.to_owned();
        ours.credited_nano = 0;
        ours.fee_cents = None;
    }

    #[test]
    fn each_difference_is_one_disagreement_of_its_kind_and_none_is_none() {
        let cases: [(Change, &[Kind]); 20] = [
            (|_, _| {}, &[]),
            (|_, ours| ours.intent = None, &[]),
            (|theirs, _| theirs.fee = None, &[]),
            (|theirs, _| theirs.sum.cents = 9_900, &[Kind::AmountDiffers]),
            (|_, ours| ours.asked_cents = 2_400, &[Kind::AmountDiffers]),
            (|_, ours| ours.credited_nano += 1, &[Kind::AmountDiffers]),
            (
                |theirs, _| theirs.sum.currency = "eur".to_owned(),
                &[Kind::CurrencyDiffers],
            ),
            (
                |_, ours| uncredited(ours, "pending"),
                &[Kind::PaidNotCredited],
            ),
            (
                |_, ours| uncredited(ours, "failed"),
                &[Kind::PaidNotCredited],
            ),
            (
                |theirs, ours| {
                    uncredited(ours, "failed");
                    theirs.refunded_cents = 2_400;
                },
                &[Kind::PaidNotCredited],
            ),
            (
                |theirs, ours| {
                    uncredited(ours, "failed");
                    theirs.refunded_cents = 2_500;
                },
                &[],
            ),
            (
                |theirs, _| unpaid(theirs, Standing::Unpaid),
                &[Kind::CreditedNotPaid],
            ),
            (
                |_, ours| ours.state = "failed".to_owned(),
                &[Kind::StateDiffers],
            ),
            (|_, ours| ours.fee_cents = None, &[Kind::FeeMissing]),
            (|_, ours| ours.fee_cents = Some(1), &[Kind::FeeDiffers]),
            (
                |theirs, ours| {
                    let kept = theirs.fee.as_mut().unwrap();
                    (kept.cents, kept.currency) = (95, "eur".to_owned());
                    ours.fee_cents = None;
                },
                &[Kind::FeeMissing],
            ),
            (
                |_, ours| ours.customer = "cus_2".to_owned(),
                &[Kind::CustomerUnknown],
            ),
            (
                |_, ours| ours.intent = Some("pi_2".parse().unwrap()),
                &[Kind::PaidTwice],
            ),
            (
                |theirs, ours| {
                    unpaid(theirs, Standing::Unpaid);
                    uncredited(ours, "failed");
                },
                &[],
            ),
            (
                |theirs, ours| {
                    unpaid(theirs, Standing::Open);
                    uncredited(ours, "canceled");
                },
                &[Kind::StateDiffers],
            ),
        ];
        for (no, (change, expected)) in cases.into_iter().enumerate() {
            let (mut theirs, mut ours) = (theirs(), ours());
            change(&mut theirs, &mut ours);
            let found = listed(&theirs, Some(&ours));
            let kinds: Vec<Kind> = found.iter().map(|found| found.kind).collect();
            assert_eq!(kinds, expected, "case {no}: {theirs:?} {ours:?}");
        }
    }

    #[test]
    fn what_is_nobodys_counts_once_it_is_paid_and_what_is_gone_once_it_was_credited() {
        let mut stray = theirs();
        assert_eq!(listed(&stray, None)[0].kind, Kind::UnknownPayment);
        unpaid(&mut stray, Standing::Open);
        assert_eq!(listed(&stray, None), []);
        assert_eq!(missing(&ours()).unwrap().kind, Kind::CreditedNotPaid);
        let mut failed = ours();
        uncredited(&mut failed, "failed");
        assert_eq!(missing(&failed), None);
    }
}
