//! One attempt to add credit, from the first click to a definite answer.
//!
//! The browser makes the top-up's id and keeps it until it knows how the attempt ended. Whatever
//! comes between (a double click, a lost answer, a reload) asks about that id; it never pays anew.

use leptos::prelude::*;
use leptos::task::spawn_local;
use types::ids::{OrganizationId, PaymentMethodId, TopUpId};
use types::money::{Cents, ParseCentsError};
use types::payment::PaymentField;
use types::top_up::{DEFAULT_PRESET, TopUpState, TopUpView};

use crate::browser::attempt::Attempt;
use crate::browser::{self, sleep};
use crate::components::card_form::CardDraft;
use crate::components::problem::{Problem, Problems, input_id};
use crate::error::AppError;
use crate::server_fns::billing_page::BillingPage as Page;
use crate::server_fns::top_up::{start_top_up, top_up_status};

/// After this long a person wonders; say what is going on.
const SLOW_AFTER_MS: i32 = 2_000;
/// How often an open attempt is asked about.
const ASK_EVERY_MS: i32 = 2_000;
/// An attempt that the server has not heard of after this many questions was never sent.
const MOST_UNHEARD: u32 = 3;

/// With what the person wants to pay.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Choice {
    Saved(PaymentMethodId),
    NewCard,
}

/// Where the dialog stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    Filling,
    Working {
        is_slow: bool,
    },
    /// The bank's page, in a frame.
    Confirming {
        url: Option<String>,
    },
    /// No definite answer yet; it must not be paid again.
    Processing,
    Done(TopUpView),
}

/// The dialog's state. It outlives the dialog: closing it loses nothing.
#[derive(Clone, Copy)]
pub struct TopUpForm {
    pub is_open: RwSignal<bool>,
    pub step: RwSignal<Step>,
    pub amount: RwSignal<String>,
    pub choice: RwSignal<Choice>,
    pub card: CardDraft,
    pub problems: Problems,
    pub page: RwSignal<Page>,
    /// The attempt whose end is not known yet.
    attempt: StoredValue<Option<Attempt>>,
    refresh: Callback<()>,
}

impl TopUpForm {
    pub fn new(page: RwSignal<Page>, refresh: Callback<()>) -> Self {
        Self {
            is_open: RwSignal::new(false),
            step: RwSignal::new(Step::Filling),
            amount: RwSignal::new(DEFAULT_PRESET.to_string()),
            choice: RwSignal::new(first_choice(&page.get_untracked())),
            card: CardDraft::new(),
            problems: Problems::new(),
            page,
            attempt: StoredValue::new(None),
            refresh,
        }
    }

    pub fn organization(self) -> OrganizationId {
        self.page.with_untracked(|page| page.organization)
    }

    /// The amount as far as it can be read.
    pub fn cents(self) -> Result<Cents, ParseCentsError> {
        self.amount.with(|amount| amount.parse())
    }

    /// Opens the dialog: afresh, or where an attempt is still open.
    pub fn open(self) {
        if matches!(self.step.get_untracked(), Step::Done(_)) {
            self.step.set(Step::Filling);
            self.amount.set(DEFAULT_PRESET.to_string());
        }
        if self.step.get_untracked() == Step::Filling {
            self.problems.clear();
            self.choice.set(self.page.with_untracked(first_choice));
            browser::focus_after_render(input_id(PaymentField::Amount));
        }
        self.is_open.set(true);
    }

    /// Goes on with an attempt that a reload interrupted.
    pub fn resume(self, attempt: Attempt) {
        self.attempt.set_value(Some(attempt));
        self.amount.set(attempt.amount.to_string());
        self.step.set(Step::Working { is_slow: false });
        self.is_open.set(true);
        self.say_when_slow();
        spawn_local(self.watch(attempt));
    }

    /// The confirm button. While an attempt is at work a second click does nothing.
    pub fn submit(self) {
        if self.step.get_untracked() != Step::Filling {
            return;
        }
        let amount = match self.check() {
            Ok(amount) => amount,
            Err(problems) => return self.problems.show(problems),
        };
        self.problems.clear();
        self.step.set(Step::Working { is_slow: false });
        self.say_when_slow();
        spawn_local(self.pay(amount));
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

    /// The amount, or every problem in the order of the fields.
    fn check(self) -> Result<Cents, Vec<Problem>> {
        let limits = self.page.with_untracked(|page| page.limits);
        let amount = untrack(|| self.cents())
            .map_err(amount_problem)
            .and_then(|amount| {
                let refused = |error: types::top_up::AmountError| {
                    Problem::at(error.field(), error.to_string())
                };
                limits.check(amount).map(|()| amount).map_err(refused)
            });
        let card = match self.choice.get_untracked() {
            Choice::NewCard => self.card.problems(),
            Choice::Saved(_) => Vec::new(),
        };
        match amount {
            Ok(amount) if card.is_empty() => Ok(amount),
            Ok(_) => Err(card),
            Err(problem) => Err(std::iter::once(problem).chain(card).collect()),
        }
    }

    async fn pay(self, amount: Cents) {
        let (method, token) = match self.choice.get_untracked() {
            Choice::Saved(method) => (method.to_string(), String::new()),
            Choice::NewCard => {
                let tokenizer = self.page.with_untracked(|page| page.tokenizer.clone());
                match self.card.tokenize(&tokenizer).await {
                    Ok(token) => (String::new(), token),
                    Err(problems) => return self.fill_again(problems),
                }
            }
        };
        // An id whose fate was never learned is used again: were its payment made after all, the
        // server would find it taken instead of charging twice.
        let id = self
            .open_attempt()
            .map_or_else(TopUpId::generate, |attempt| attempt.id);
        let attempt = Attempt::keep(id, amount, self.organization());
        self.attempt.try_set_value(Some(attempt));
        let (id, amount) = (attempt.id.to_string(), amount.to_string());
        match start_top_up(id, amount, method, token, String::new()).await {
            Ok(top_up) => {
                if !self.apply(top_up) {
                    sleep(ASK_EVERY_MS).await;
                    self.watch(attempt).await;
                }
            }
            Err(error) if error.is_refusal() => {
                self.end_attempt();
                self.fill_again(vec![Problem::from(&error)]);
            }
            // The answer was lost, or the id is taken: how it stands is the server's to say.
            Err(_) => self.watch(attempt).await,
        }
    }

    /// Asks how the attempt stands until it has ended or the page is left.
    async fn watch(self, attempt: Attempt) {
        let mut unheard = 0;
        while self.open_attempt() == Some(attempt) {
            match top_up_status(attempt.id).await {
                Ok(Some(top_up)) => {
                    if self.apply(top_up) {
                        return;
                    }
                }
                Ok(None) => unheard += 1,
                Err(error @ (AppError::SignedOut | AppError::NotAllowed { .. })) => {
                    return self.fill_again(vec![Problem::from(&error)]);
                }
                // Not knowing is no answer: it stays open.
                Err(_) => {
                    self.step.try_set(Step::Processing);
                }
            }
            if unheard >= MOST_UNHEARD {
                return self.fill_again(vec![Problem::general(
                    "The payment was not started. Nothing was charged. Try again.",
                )]);
            }
            sleep(ASK_EVERY_MS).await;
        }
    }

    /// Shows how the attempt stands; whether that is definite.
    fn apply(self, top_up: TopUpView) -> bool {
        if self
            .open_attempt()
            .is_none_or(|attempt| attempt.id != top_up.id)
        {
            return true;
        }
        let ended = match top_up.state.clone() {
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
                    message: reason.message().to_owned(),
                })
            }
            TopUpState::Canceled => Some(Problem::general(
                "The payment was canceled. Nothing was charged.",
            )),
        };
        self.end_attempt();
        match ended {
            None => {
                self.card.clear();
                self.step.try_set(Step::Done(top_up));
                browser::focus_after_render(super::outcome::DONE);
            }
            Some(problem) => self.fill_again(vec![problem]),
        }
        self.refresh.run(());
        true
    }

    /// Waits for the bank. Only a change is drawn: the same frame again would reload the bank's
    /// page under the person's hands.
    fn wait_in(self, step: Step) {
        if self
            .step
            .try_get_untracked()
            .is_some_and(|shown| shown != step)
        {
            self.step.try_set(step);
            // The history behind the dialog says that it waits, too.
            self.refresh.run(());
        }
    }

    fn fill_again(self, problems: Vec<Problem>) {
        self.step.try_set(Step::Filling);
        self.problems.show(problems);
    }

    /// The answer is definite: the next submit is a new attempt.
    fn end_attempt(self) {
        Attempt::forget();
        self.attempt.try_set_value(None);
    }

    /// `None` also when the page was left: then there is nothing to show.
    fn open_attempt(self) -> Option<Attempt> {
        self.attempt.try_get_value().flatten()
    }

    fn say_when_slow(self) {
        spawn_local(async move {
            sleep(SLOW_AFTER_MS).await;
            if self.step.try_get_untracked() == Some(Step::Working { is_slow: false }) {
                self.step.try_set(Step::Working { is_slow: true });
            }
        });
    }
}

fn amount_problem(error: ParseCentsError) -> Problem {
    let message = match error {
        ParseCentsError::NotAnAmount => "Enter an amount in dollars, such as 25 or 25.00.",
        ParseCentsError::FractionOfACent => {
            "A card is charged in whole cents. Use at most two decimals."
        }
    };
    Problem::at(PaymentField::Amount, message)
}

/// The default card, else any that is good, else a new one.
fn first_choice(page: &Page) -> Choice {
    let usable = || {
        page.payment_methods
            .iter()
            .filter(|method| !method.is_expired)
    };
    let preferred = usable()
        .find(|method| method.is_default)
        .or_else(|| usable().next());
    preferred.map_or(Choice::NewCard, |method| Choice::Saved(method.id))
}
