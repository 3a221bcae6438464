//! How much of what banks took an organization's credit bears. Pure.

/// What each dispute reverses of a charge's credit, in the order given: all that was withdrawn, as
/// long as it was not given back before by a refund or by an earlier dispute. Cents.
///
/// Refunds first, whichever came first in time: so the sum depends on nothing but what is there.
pub(super) fn reversals(paid: i64, refunded: i64, withdrawn: &[i64]) -> Vec<i64> {
    let mut left = (paid - refunded).max(0);
    withdrawn
        .iter()
        .map(|withdrawn| {
            let bears = left.min(*withdrawn);
            left -= bears;
            bears
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_more_is_reversed_than_was_paid_and_not_refunded() {
        let cases: [(i64, &[i64], &[i64]); 7] = [
            (0, &[2_500], &[2_500]),
            (1_000, &[2_500], &[1_500]),
            (2_500, &[2_500], &[0]),
            (0, &[1_250, 1_250], &[1_250, 1_250]),
            (2_000, &[1_250, 1_250], &[500, 0]),
            // Won, or an inquiry: nothing is withdrawn.
            (0, &[0, 2_500], &[0, 2_500]),
            // A bank that takes more than was ever paid: the rest is ours to bear.
            (0, &[2_600], &[2_500]),
        ];
        for (refunded, withdrawn, expected) in cases {
            assert_eq!(reversals(2_500, refunded, withdrawn), expected);
        }
    }
}
