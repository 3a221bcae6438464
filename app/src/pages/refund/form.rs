//! One refund, from the credit that it is of to a definite answer.
//!
//! Its id is made when the form is opened, or comes with the form that was in the page for want of
//! script, and is kept, over a reload too, until there is a definite answer: whatever is lost in
//! between, asking again is asking for the same refund.

use leptos::prelude::*;
use leptos::task::spawn_local;
use types::ids::RefundId;
use types::money::Cents;
use types::payment::PaymentField;
use types::refund::RefundView;

use super::{Refundable, Typed};
use crate::browser;
use crate::browser::refund_attempt::RefundAttempt;
use crate::components::problem::{Problem, Problems, explained, input_id};
use crate::error::AppError;
use crate::server_fns::refund::{refund_status, refund_top_up};

/// The id of the line that says what became of it.
pub const OUTCOME: &str = "refund-outcome";

/// The dialog's state.
#[derive(Clone, Copy)]
pub struct RefundForm {
    pub(super) open: RwSignal<bool>,
    pub(super) credit: RwSignal<Option<Refundable>>,
    pub(super) amount: RwSignal<String>,
    pub(super) problems: Problems,
    pub(super) working: RwSignal<bool>,
    pub(super) done: RwSignal<Option<RefundView>>,
    /// Kept until the answer is definite.
    id: StoredValue<RefundId>,
    refresh: Callback<()>,
}

impl RefundForm {
    pub fn new(refresh: Callback<()>) -> Self {
        Self {
            open: RwSignal::new(false),
            credit: RwSignal::new(None),
            amount: RwSignal::new(String::new()),
            problems: Problems::new("refund-problem"),
            working: RwSignal::new(false),
            done: RwSignal::new(None),
            id: StoredValue::new(RefundId::generate()),
            refresh,
        }
    }

    pub fn ask(self, credit: Refundable) {
        let is_same = self.credit.with_untracked(|open| {
            open.as_ref()
                .is_some_and(|open| open.top_up == credit.top_up)
        });
        if !is_same || self.done.with_untracked(Option::is_some) {
            self.begin(&credit);
        }
        self.credit.set(Some(credit));
        self.open.set(true);
        browser::focus_after_render(input_id(PaymentField::Amount));
    }

    /// Opens the dialog with what stood in the form for browsers without script. Its id is used,
    /// too: if the browser is just sending that form, both are one refund.
    pub fn ask_with(self, credit: Refundable, typed: Typed) {
        // What was sent before goes first: its end is not known.
        let has_begun = RefundAttempt::find(credit.top_up).is_some();
        self.ask(credit);
        if has_begun {
            return;
        }
        self.id.set_value(typed.id);
        if !typed.amount.trim().is_empty() {
            self.amount.set(typed.amount);
        }
        if let Some(problem) = typed.problem {
            self.problems.show(vec![problem]);
        }
    }

    /// Begins a refund of another credit: afresh, or with the one that a reload interrupted. What
    /// became of that is shown if it was started.
    fn begin(self, credit: &Refundable) {
        self.problems.clear();
        self.done.set(None);
        let Some(kept) = RefundAttempt::find(credit.top_up) else {
            self.id.set_value(RefundId::generate());
            return self.amount.set(credit.most.to_string());
        };
        self.id.set_value(kept.id);
        self.amount.set(kept.amount.to_string());
        spawn_local(async move {
            if let Ok(Some(refund)) = refund_status(kept.id).await
                && self.id.try_get_value() == Some(kept.id)
            {
                kept.forget();
                self.show_outcome(refund);
            }
        });
    }

    fn show_outcome(self, refund: RefundView) {
        self.done.try_set(Some(refund));
        browser::focus_after_render(OUTCOME);
    }

    /// What is typed, where it can be given back.
    pub(super) fn refundable(self) -> Option<Cents> {
        let amount: Cents = self.amount.with(|amount| amount.parse()).ok()?;
        let most = self
            .credit
            .with(|credit| credit.as_ref().map(|it| it.most))?;
        (Cents::new(1)..=most).contains(&amount).then_some(amount)
    }

    pub(super) fn send(self) {
        let Some(credit) = self.credit.get_untracked() else {
            return;
        };
        if self.working.get_untracked() {
            return;
        }
        self.problems.clear();
        let Some(amount) = untrack(|| self.refundable()) else {
            let most = credit.most.dollars().exact_label();
            let message = format!("Enter an amount from $0.01 to {most}.");
            self.problems
                .show(vec![Problem::at(PaymentField::Amount, message)]);
            return;
        };
        let attempt = RefundAttempt {
            id: self.id.get_value(),
            top_up: credit.top_up,
            amount,
        };
        attempt.keep();
        self.working.set(true);
        spawn_local(async move {
            match self.request(attempt).await {
                Ok(refund) => self.show_outcome(refund),
                Err(problem) => self.problems.show(vec![problem]),
            }
            // Started or not: the rows say how it stands.
            self.refresh.run(());
            self.working.try_set(false);
        });
    }

    /// Sends it, and once more where the answer was lost: under its id it is the same refund. Where
    /// that is still not known, the server is asked what became of the id.
    async fn request(self, attempt: RefundAttempt) -> Result<RefundView, Problem> {
        let RefundAttempt { id, top_up, amount } = attempt;
        let send = || refund_top_up(id.to_string(), top_up.to_string(), amount.to_string());
        let mut answer = send().await;
        if matches!(answer, Err(AppError::Unknown { .. })) {
            answer = send().await;
        }
        let error = match answer {
            Ok(refund) => {
                attempt.forget();
                return Ok(refund);
            }
            Err(error) => error,
        };
        if matches!(error, AppError::Invalid { .. }) {
            attempt.forget();
        } else if let Ok(Some(refund)) = refund_status(id).await {
            attempt.forget();
            return Ok(refund);
        }
        if matches!(error, AppError::Unknown { .. }) {
            return Err(Problem::general(
                "We do not know yet whether the refund was started. It cannot happen twice: try again in a moment.",
            ));
        }
        Err(Problem::from(&explained(error).await))
    }
}
