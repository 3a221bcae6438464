//! What the gateway's word makes of a refund's state. Pure.
//!
//! ```text
//! processing ──► succeeded ──► failed   (a card may give the money back days later)
//!      └───────────────────────▲
//! ```

use types::refund::RefundState;

use crate::payments::gateway::{RefundOutcome, RefundStage};

/// What a word does to a state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Step<'a> {
    /// Nothing that is not known already.
    Stay,
    /// The money leaves.
    Send,
    /// The credit comes back.
    Fail { code: &'a str },
    /// The gateway says that money left for a refund whose credit was given back: for people.
    Contradiction,
}

/// Total: every state takes every word.
pub(super) fn step(state: RefundState, outcome: &RefundOutcome) -> Step<'_> {
    let stage = match outcome {
        RefundOutcome::Refused { code } => {
            return match state {
                RefundState::Processing => Step::Fail { code },
                // It was made under the key: a refusal is about something else.
                RefundState::Succeeded | RefundState::Failed => Step::Stay,
            };
        }
        RefundOutcome::Made(word) => &word.stage,
    };
    match (state, stage) {
        (RefundState::Processing, RefundStage::Pending)
        | (RefundState::Succeeded, RefundStage::Pending | RefundStage::Succeeded)
        | (RefundState::Failed, RefundStage::Failed { .. }) => Step::Stay,
        (RefundState::Processing, RefundStage::Succeeded) => Step::Send,
        (RefundState::Processing | RefundState::Succeeded, RefundStage::Failed { code }) => {
            Step::Fail { code }
        }
        (RefundState::Failed, RefundStage::Pending | RefundStage::Succeeded) => Step::Contradiction,
    }
}

#[cfg(test)]
mod tests {
    use types::money::Cents;

    use super::*;
    use crate::payments::gateway::RefundWord;

    #[test]
    fn every_state_takes_every_word() {
        let made = |stage| {
            RefundOutcome::Made(RefundWord {
                refund: "re_1".parse().unwrap(),
                intent: None,
                amount: Cents::new(1),
                ours: None,
                stage,
                fee: Cents::new(0),
            })
        };
        let code = || "c".to_owned();
        let words = [
            made(RefundStage::Pending),
            made(RefundStage::Succeeded),
            made(RefundStage::Failed { code: code() }),
            RefundOutcome::Refused { code: code() },
        ];
        let fail = || Step::Fail { code: "c" };
        let table = [
            (
                RefundState::Processing,
                [Step::Stay, Step::Send, fail(), fail()],
            ),
            (
                RefundState::Succeeded,
                [Step::Stay, Step::Stay, fail(), Step::Stay],
            ),
            (
                RefundState::Failed,
                [
                    Step::Contradiction,
                    Step::Contradiction,
                    Step::Stay,
                    Step::Stay,
                ],
            ),
        ];
        for (state, expected) in table {
            for (word, expected) in words.iter().zip(expected) {
                assert_eq!(step(state, word), expected, "{state:?} hears {word:?}");
            }
        }
    }
}
