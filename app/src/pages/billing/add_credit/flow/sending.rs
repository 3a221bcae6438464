//! Sending an attempt and seeing it through.
//!
//! A request whose answer was lost is asked about, and sent again when the server has not heard of
//! it: under the same id and with the same content it is the same payment.

use leptos::prelude::*;
use leptos::task::spawn_local;
use types::ids::TopUpId;
use types::money::Cents;
use types::top_up::{TopUpState, TopUpView};

use super::{Choice, Step, TopUpForm};
use crate::browser::attempt::{Attempt, Stage};
use crate::browser::{self, sleep};
use crate::components::problem::{Problem, explained};
use crate::error::AppError;
use crate::pages::billing::add_credit::outcome;
use crate::pages::billing::patience::{self, never_arrived};
use crate::server_fns::top_up::{cancel_top_up, start_top_up, top_up_secret, top_up_status};

/// The pause before the first question.
const FIRST_PAUSE_MS: i32 = 2_000;
/// How often a request that did not arrive is sent again.
const MOST_RESENDS: u32 = 2;

/// What is sent: the same each time.
#[derive(Clone)]
struct Payment {
    attempt: Attempt,
    method: String,
    token: String,
}

/// What is known after a request.
enum Sent {
    /// How it ended, or that it was refused; it is on the page.
    Ended,
    /// It was taken and has not ended.
    Open,
    /// The answer was lost.
    Unknown,
}

impl TopUpForm {
    pub(super) async fn pay(self, amount: Cents) {
        let (method, token) = match self.choice.get_untracked() {
            Choice::Saved(method) => (method.to_string(), String::new()),
            Choice::NewCard => match self.card.tokenize().await {
                Ok(token) => (String::new(), token),
                Err(problems) => return self.fill_again(problems),
            },
        };
        if let Some(other) = self.another_attempt() {
            return self.resume(other);
        }
        // An id whose fate was never learned is used again: were its payment made after all, the
        // server would find it taken instead of charging twice.
        let earlier = self.open_attempt();
        let attempt = Attempt {
            id: earlier.map_or_else(TopUpId::generate, |attempt| attempt.id),
            amount,
            organization: self.organization(),
            stage: Stage::Sent,
        };
        self.attempt.try_set_value(Some(attempt.keep()));
        let payment = Payment {
            attempt,
            method,
            token,
        };
        match self.send(&payment).await {
            Ok(Sent::Ended) => {}
            Ok(Sent::Open) => {
                sleep(FIRST_PAUSE_MS).await;
                self.see_through(attempt, None).await;
            }
            Ok(Sent::Unknown) => self.see_through(attempt, Some(payment)).await,
            Err(refusal) => {
                // What was sent for the first time is refused for certain. Of an earlier request
                // with the same id a refusal says nothing: its fate is still to be learned.
                match earlier {
                    Some(earlier) => {
                        self.attempt.try_set_value(Some(earlier.keep()));
                    }
                    None => self.end_attempt(),
                }
                self.fill_again(vec![Problem::from(&refusal)]);
            }
        }
    }

    /// What was sent, by another tab or before the one that is shown, and has no known end: the
    /// next submit goes on with that payment, and does not pay beside it.
    fn another_attempt(self) -> Option<Attempt> {
        let own = self.open_attempt().map(|attempt| attempt.id);
        Attempt::find(self.organization())
            .filter(|kept| kept.stage == Stage::Sent && Some(kept.id) != own)
    }

    /// Sends a payment once; a refusal is the error.
    async fn send(self, payment: &Payment) -> Result<Sent, AppError> {
        let Payment {
            attempt,
            method,
            token,
        } = payment.clone();
        let (id, amount) = (attempt.id.to_string(), attempt.amount.to_string());
        match start_top_up(id, amount, method, token, String::new()).await {
            Ok(top_up) => Ok(if self.apply(top_up) {
                Sent::Ended
            } else {
                Sent::Open
            }),
            Err(error) if error.is_refusal() => Err(error),
            // The answer was lost, or the id is taken: how it stands is the server's to say.
            Err(_) => Ok(Sent::Unknown),
        }
    }

    /// Asks how an attempt stands until it has ended, the page is left, or patience is at its end.
    /// `payment` is what can be sent again if it did not arrive; after a reload nothing can.
    async fn see_through(self, attempt: Attempt, payment: Option<Payment>) {
        let Some(turn) = self.take_turn() else { return };
        let began = browser::now_ms();
        let mut sent = began;
        let mut resends = MOST_RESENDS;
        let is_wanted = || self.is_my_turn(turn, attempt);
        while is_wanted() {
            match top_up_status(attempt.id).await {
                Ok(Some(top_up)) => {
                    if self.apply(top_up) {
                        return;
                    }
                }
                Ok(None) => match payment.as_ref().filter(|_| resends > 0) {
                    Some(payment) => {
                        resends -= 1;
                        match self.send(payment).await {
                            Ok(Sent::Ended) => return,
                            Ok(Sent::Open | Sent::Unknown) => {}
                            Err(refusal) => return self.fill_again(vec![Problem::from(&refusal)]),
                        }
                        sent = browser::now_ms();
                    }
                    None if never_arrived(browser::now_ms() - sent) => return self.never_heard(),
                    None => self.lose_touch(),
                },
                Err(error) => match explained(error).await {
                    error @ (AppError::SignedOut
                    | AppError::OtherOrganization
                    | AppError::NotAllowed { .. }
                    | AppError::Outdated) => {
                        return self.fill_again(vec![Problem::from(&error)]);
                    }
                    // Not knowing is no answer: it stays open.
                    AppError::NotFound { .. }
                    | AppError::Conflict { .. }
                    | AppError::Invalid { .. }
                    | AppError::Throttled { .. }
                    | AppError::Unknown { .. }
                    | AppError::Broken { .. }
                    | AppError::Unreadable => self.lose_touch(),
                },
            }
            if !patience::wait(began, is_wanted).await {
                self.is_asking.try_set(false);
                return;
            }
        }
    }

    /// The server has not heard of the attempt and never will. Its id is kept all the same.
    fn never_heard(self) {
        if let Some(attempt) = self.open_attempt() {
            let unheard = Attempt {
                stage: Stage::Unheard,
                ..attempt
            };
            self.attempt.try_set_value(Some(unheard.keep()));
        }
        self.fill_again(vec![Problem::general(
            "The payment was not started. Nothing was charged. Try again.",
        )]);
    }

    /// Goes on with an attempt that a reload interrupted, or that began elsewhere.
    pub fn resume(self, attempt: Attempt) {
        self.attempt.set_value(Some(attempt));
        // There is room for one: what the address names the server knows, and the end of what was
        // sent from here is only found by what is kept.
        if self.another_attempt().is_none() {
            attempt.keep();
        }
        self.amount.set(attempt.amount.to_string());
        self.step.set(Step::Working { is_slow: false });
        self.notice.set(None);
        self.is_open.set(true);
        self.say_when_slow();
        spawn_local(self.see_through(attempt, None));
    }

    /// Goes on with an attempt whose dialog the person had closed: it is asked about, and told on
    /// the page.
    pub fn follow(self, attempt: Attempt) {
        self.attempt.set_value(Some(attempt));
        self.amount.set(attempt.amount.to_string());
        self.step.set(Step::Working { is_slow: true });
        spawn_local(self.see_through(attempt, None));
    }

    /// Goes on asking where patience had ended.
    pub fn look_again(self) {
        if let Some(attempt) = self.open_attempt() {
            spawn_local(self.see_through(attempt, None));
        }
    }

    /// Asks now rather than at the next turn: the bank's page says that it is done.
    pub fn ask_now(self) {
        if let Some(attempt) = self.open_attempt() {
            spawn_local(async move {
                if let Ok(Some(top_up)) = top_up_status(attempt.id).await {
                    self.apply(top_up);
                }
            });
        }
    }

    /// Has the gateway's script ask what the bank asks, where the bank has no page. Whatever comes
    /// of it, our server is asked how the attempt stands.
    pub fn ask_by_script(self) {
        let Some(attempt) = self.open_attempt() else {
            return;
        };
        self.problems.clear();
        spawn_local(async move {
            let asked = match top_up_secret(attempt.id).await {
                Ok(Some(secret)) => self.card.ask(&secret).await,
                Ok(None) => Ok(()),
                Err(error) => Err(Problem::from(&explained(error).await)),
            };
            match asked {
                Ok(()) => self.focus_waiting(),
                Err(problem) => self.problems.show(vec![problem]),
            }
            self.ask_now();
        });
    }

    /// Gives the attempt up while the bank asks about it. What the gateway says then counts: it may
    /// have been paid a moment before.
    pub fn give_up(self) {
        let Some(attempt) = self.open_attempt() else {
            return;
        };
        if self.is_giving_up.get_untracked() {
            return;
        }
        self.is_giving_up.set(true);
        self.problems.clear();
        spawn_local(async move {
            match cancel_top_up(attempt.id).await {
                Ok(top_up) => {
                    if !top_up.is_some_and(|top_up| self.apply(top_up)) {
                        self.problems.show(vec![Problem::general(
                            "We could not take the payment back yet. Try again in a moment.",
                        )]);
                    }
                }
                Err(error) => {
                    let problem = Problem::from(&explained(error).await);
                    self.problems.show(vec![problem]);
                }
            }
            self.is_giving_up.try_set(false);
        });
    }

    /// Shows how the attempt stands; whether that is definite.
    fn apply(self, top_up: TopUpView) -> bool {
        if self
            .open_attempt()
            .is_none_or(|attempt| attempt.id != top_up.id)
        {
            return true;
        }
        let problem = match top_up.state.clone() {
            TopUpState::Processing => {
                self.wait_in(Step::Processing);
                return false;
            }
            TopUpState::RequiresAction { url } => {
                self.wait_in(Step::Confirming { url });
                return false;
            }
            TopUpState::Succeeded { .. } => None,
            TopUpState::Failed { reason } => {
                let is_new = self.choice.try_get_untracked() == Some(Choice::NewCard);
                let field = reason.field().filter(|_| is_new);
                Some(Problem {
                    field,
                    ..Problem::general(reason.message())
                })
            }
            TopUpState::Canceled => Some(Problem::general(
                "The payment was canceled. Nothing was charged.",
            )),
        };
        self.end_attempt();
        self.end_with(top_up, problem);
        self.refresh.run(());
        true
    }

    /// Tells how it ended: in the dialog, or on the page when the dialog is closed.
    fn end_with(self, top_up: TopUpView, problem: Option<Problem>) {
        let is_open = self.is_open.try_get_untracked().unwrap_or_default();
        if !is_open {
            self.notice.try_set(Some(top_up.clone()));
        }
        match problem {
            Some(problem) => self.fill_again(vec![problem]),
            None => {
                self.card.clear();
                self.step.try_set(Step::Done(top_up));
                if is_open {
                    browser::focus_after_render(outcome::DONE);
                }
            }
        }
    }

    /// Waits for an answer. Only a change is drawn: the same frame again would reload the bank's
    /// page under the person's hands.
    fn wait_in(self, step: Step) {
        if self
            .step
            .try_get_untracked()
            .is_some_and(|shown| shown != step)
        {
            self.step.try_set(step);
            self.focus_waiting();
            self.remember_open();
            // The history behind the dialog says that it waits, too.
            self.refresh.run(());
        }
    }

    /// The server does not say how it stands. What it said before still holds: the bank's page is
    /// not taken away because one question was lost.
    fn lose_touch(self) {
        if matches!(
            self.step.try_get_untracked(),
            Some(Step::Working { .. } | Step::Filling)
        ) {
            self.step.try_set(Step::Unheard);
            self.focus_waiting();
        }
    }

    /// What had the focus may have gone with the step before: the next one begins with the line that
    /// says what is waited for.
    fn focus_waiting(self) {
        if self.is_open.try_get_untracked() == Some(true) {
            browser::focus_after_render(outcome::WAITING);
        }
    }

    /// Whoever asks last asks alone. `None` when the page was left.
    fn take_turn(self) -> Option<u32> {
        self.is_asking.try_set(true);
        self.turn.try_update_value(|turn| {
            *turn = turn.wrapping_add(1);
            *turn
        })
    }

    fn is_my_turn(self, turn: u32, attempt: Attempt) -> bool {
        self.turn.try_get_value() == Some(turn) && self.open_attempt() == Some(attempt)
    }
}
