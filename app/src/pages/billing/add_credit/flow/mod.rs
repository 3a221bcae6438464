//! One attempt to add credit, from the first click to a definite answer.
//!
//! The browser makes the top-up's id and keeps it until it knows how the attempt ended. Whatever
//! comes between (a double click, a lost answer, a reload) asks about that id; it never pays anew.
//!
//! | file | owns |
//! | --- | --- |
//! | `mod` | what the dialog shows and what is typed into it |
//! | `sending` | one attempt, from its first request to a definite answer |

mod sending;

use leptos::prelude::*;
use leptos::task::spawn_local;
use types::ids::{OrganizationId, PaymentMethodId};
use types::money::{Cents, ParseCentsError};
use types::payment::PaymentField;
use types::top_up::{DEFAULT_PRESET, TopUpView};

use super::offer::offer;
use super::outcome;
use super::plain::Typed;
use crate::browser::attempt::{Attempt, Stage};
use crate::browser::stripe::Purpose;
use crate::browser::{self, sleep};
use crate::components::card_form::CardDraft;
use crate::components::problem::{Problem, Problems, input_id};
use crate::server_fns::billing_page::BillingPage as Page;

/// After this long a person wonders; say what is going on.
const SLOW_AFTER_MS: i32 = 2_000;

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
    /// The server does not say whether the request has reached it.
    Unheard,
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
    /// How a top-up stands that the dialog does not show: told on the page.
    pub notice: RwSignal<Option<TopUpView>>,
    /// Whether an open attempt is still asked about by itself.
    pub is_asking: RwSignal<bool>,
    pub is_giving_up: RwSignal<bool>,
    /// What stood in the amount before anyone typed.
    offered: StoredValue<String>,
    /// The attempt whose end is not known yet.
    attempt: StoredValue<Option<Attempt>>,
    /// Counts those who ask about it.
    turn: StoredValue<u32>,
    /// Counts the submits, to tell one from the next.
    submits: StoredValue<u32>,
    /// Whether the form has problems that nobody has seen: the dialog was closed.
    has_unseen_problems: StoredValue<bool>,
    refresh: Callback<()>,
}

impl TopUpForm {
    pub fn new(page: RwSignal<Page>, notice: Option<TopUpView>, refresh: Callback<()>) -> Self {
        let offered = page.with_untracked(what_is_offered);
        Self {
            is_open: RwSignal::new(false),
            step: RwSignal::new(Step::Filling),
            amount: RwSignal::new(offered.clone()),
            offered: StoredValue::new(offered),
            choice: RwSignal::new(first_choice(&page.get_untracked())),
            card: CardDraft::new(page.with_untracked(|page| page.tokenizer.clone())),
            problems: Problems::new("add-credit-problem"),
            page,
            notice: RwSignal::new(notice),
            is_asking: RwSignal::new(true),
            is_giving_up: RwSignal::new(false),
            attempt: StoredValue::new(None),
            turn: StoredValue::new(0),
            submits: StoredValue::new(0),
            has_unseen_problems: StoredValue::new(false),
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

    /// The amount, where it can be paid.
    pub fn payable(self) -> Option<Cents> {
        let amount = self.cents().ok()?;
        let limits = self.page.with(|page| page.limits);
        limits.check(amount).ok().map(|()| amount)
    }

    /// What a new card is entered for. An amount that cannot be paid is no purpose: the last one
    /// stands.
    pub fn purpose(self) -> Memo<Purpose> {
        Memo::new(move |last: Option<&Purpose>| {
            let last = last.copied().unwrap_or(Purpose::Pay(DEFAULT_PRESET));
            self.payable().map_or(last, Purpose::Pay)
        })
    }

    /// Opens the dialog: afresh, or where an attempt is still open.
    pub fn open(self) {
        if matches!(self.step.get_untracked(), Step::Done(_)) {
            self.step.set(Step::Filling);
            self.amount.set(self.offered.get_value());
        }
        self.notice.set(None);
        if self.step.get_untracked() == Step::Filling {
            self.offer_again();
            if !self.has_unseen_problems.get_value() {
                self.problems.clear();
            }
            self.has_unseen_problems.set_value(false);
            self.choice.set(self.remaining_choice());
            browser::focus_after_render(input_id(PaymentField::Amount));
        } else {
            browser::focus_after_render(outcome::WAITING);
        }
        self.is_open.set(true);
    }

    /// Opens the dialog with what stood in the form for browsers without script. Its id is used,
    /// too: if the browser is just sending that form, both are one payment.
    pub fn open_with(self, typed: Typed) {
        if !typed.amount.trim().is_empty() {
            self.amount.set(typed.amount);
        }
        let is_usable = |id| self.page.with_untracked(|page| is_usable(page, id));
        let chosen = typed.method.filter(|id| is_usable(*id));
        self.open();
        if let Some(method) = chosen {
            self.choice.set(Choice::Saved(method));
        }
        let amount = untrack(|| self.cents()).unwrap_or(DEFAULT_PRESET);
        self.attempt.set_value(Some(Attempt {
            id: typed.id,
            amount,
            organization: self.organization(),
            stage: Stage::Unheard,
        }));
        if let Some(problem) = typed.problem {
            self.problems.show(vec![problem]);
        }
    }

    /// What is owed may have changed since it was offered; what was typed stays.
    fn offer_again(self) {
        let offered = self.page.with_untracked(what_is_offered);
        if self.amount.get_untracked() == self.offered.get_value() {
            self.amount.set(offered.clone());
        }
        self.offered.set_value(offered);
    }

    /// An id that was never heard of, kept from before a reload, to be used again.
    pub fn use_again(self, attempt: Attempt) {
        self.attempt.set_value(Some(attempt));
    }

    /// What was chosen last, where it is still to be had and was more than a look.
    fn remaining_choice(self) -> Choice {
        let chosen = self.choice.get_untracked();
        let stays = match chosen {
            Choice::NewCard => !self.card.is_empty(),
            Choice::Saved(id) => self.page.with_untracked(|page| is_usable(page, id)),
        };
        if stays {
            chosen
        } else {
            self.page.with_untracked(first_choice)
        }
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

    /// Says at the amount that it cannot be paid as soon as it has been typed. To leave it empty is
    /// no mistake yet.
    pub fn judge_amount(self) {
        let is_empty = self
            .amount
            .with_untracked(|amount| amount.trim().is_empty());
        match self.check_amount() {
            Err(problem) if !is_empty => self.problems.say(problem),
            Ok(_) | Err(_) => {}
        }
    }

    fn check_amount(self) -> Result<Cents, Problem> {
        let limits = self.page.with_untracked(|page| page.limits);
        let amount = untrack(|| self.cents()).map_err(amount_problem)?;
        let refused =
            |error: types::top_up::AmountError| Problem::at(error.field(), error.to_string());
        limits.check(amount).map(|()| amount).map_err(refused)
    }

    /// The amount, or every problem in the order of the fields.
    fn check(self) -> Result<Cents, Vec<Problem>> {
        let amount = self.check_amount();
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

    fn fill_again(self, problems: Vec<Problem>) {
        self.step.try_set(Step::Filling);
        self.problems.show(self.card.place(problems));
        if self.is_open.try_get_untracked() == Some(false) {
            self.has_unseen_problems.try_set_value(true);
        }
    }

    /// The answer is definite: the next submit is a new attempt.
    fn end_attempt(self) {
        if let Some(attempt) = self.open_attempt() {
            attempt.forget();
        }
        self.attempt.try_set_value(None);
    }

    /// `None` also when the page was left: then there is nothing to show.
    fn open_attempt(self) -> Option<Attempt> {
        self.attempt.try_get_value().flatten()
    }

    /// Remembers whether the dialog is open, once the person has closed or opened it and once there
    /// is something to wait for. That is told on the page as well: closed, it stays closed when the
    /// page is loaded again.
    pub fn remember_open(self) {
        let (Some(attempt), Some(is_open)) =
            (self.open_attempt(), self.is_open.try_get_untracked())
        else {
            return;
        };
        let is_told = matches!(
            self.step.try_get_untracked(),
            Some(Step::Confirming { .. } | Step::Processing)
        );
        if is_told && !is_open {
            attempt.put_away();
        } else {
            attempt.take_out();
        }
    }

    fn say_when_slow(self) {
        let submit = self.submits.try_update_value(|submits| {
            *submits = submits.wrapping_add(1);
            *submits
        });
        spawn_local(async move {
            sleep(SLOW_AFTER_MS).await;
            let is_same = self.submits.try_get_value() == submit;
            if is_same && self.step.try_get_untracked() == Some(Step::Working { is_slow: false }) {
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

fn what_is_offered(page: &Page) -> String {
    offer(&page.balance, page.limits).to_string()
}

/// Whether a saved card can still pay.
fn is_usable(page: &Page, id: PaymentMethodId) -> bool {
    page.payment_methods
        .iter()
        .any(|method| method.id == id && !method.is_expired)
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
