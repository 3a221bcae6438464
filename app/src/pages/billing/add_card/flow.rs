//! Saving a card without charging it: from the typed card to what became of it.
//!
//! Where its bank asks first, the question outlives the dialog and the page: closed, it is followed
//! and told in the card "Payment methods"; reloaded, it is found again.

use leptos::prelude::*;
use leptos::task::spawn_local;
use types::ids::OrganizationId;
use types::payment::{AddedCard, CardQuestion, PaymentField, PaymentMethodView};

use crate::browser;
use crate::browser::asked_card::AskedCard;
use crate::components::card_form::CardDraft;
use crate::components::problem::{Problem, Problems, explained, input_id};
use crate::error::AppError;
use crate::pages::billing::card_news::CardNews;
use crate::pages::billing::patience;
use crate::server_fns::billing_page::BillingPage as Page;
use crate::server_fns::payment_method::{add_payment_method, finish_payment_method};

/// The id of the line that says that the card was saved before.
pub const SAVED_BEFORE: &str = "card-saved-before";
/// The id of the line that says what the bank wants.
pub const ASKING: &str = "card-asking";

/// Where the dialog stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    Filling,
    /// The bank asks before it lets the card be saved.
    Asking(CardQuestion),
    SavedBefore(PaymentMethodView),
}

/// The dialog's state. It outlives the dialog: closing it loses no question.
#[derive(Clone, Copy)]
pub struct AddCardForm {
    pub is_open: RwSignal<bool>,
    pub step: RwSignal<Step>,
    pub working: RwSignal<bool>,
    pub draft: CardDraft,
    pub problems: Problems,
    organization: OrganizationId,
    news: CardNews,
    refresh: Callback<()>,
}

impl AddCardForm {
    pub fn new(page: RwSignal<Page>, news: CardNews, refresh: Callback<()>) -> Self {
        let tokenizer = page.with_untracked(|page| page.tokenizer.clone());
        Self {
            is_open: RwSignal::new(false),
            step: RwSignal::new(Step::Filling),
            working: RwSignal::new(false),
            draft: CardDraft::new(tokenizer),
            problems: Problems::new("add-card-problem"),
            organization: page.with_untracked(|page| page.organization),
            news,
            refresh,
        }
    }

    /// Opens the dialog: afresh, or where a bank still asks.
    pub fn open(self) {
        self.news.clear();
        if matches!(self.step.get_untracked(), Step::Asking(_)) {
            browser::focus_after_render(ASKING);
        } else {
            self.step.set(Step::Filling);
            self.problems.clear();
            browser::focus_after_render(input_id(PaymentField::CardNumber));
        }
        self.is_open.set(true);
    }

    /// Whether a bank asks and nobody sees it.
    pub fn is_waiting(self) -> bool {
        !self.is_open.get() && self.step.with(|step| matches!(step, Step::Asking(_)))
    }

    /// Goes on with a question that a reload interrupted. Its dialog opens again if it was open, and
    /// unless `other` is: there is one at a time.
    pub fn resume(self, other: RwSignal<bool>) {
        let Some(kept) = AskedCard::find(self.organization) else {
            return;
        };
        spawn_local(async move {
            let answer = finish_payment_method(kept.setup).await;
            let is_asked = matches!(answer, Ok(AddedCard::RequiresAction(_)));
            self.take(answer).await;
            if is_asked && kept.is_shown && other.try_get_untracked() == Some(false) {
                self.open();
            }
        });
    }

    pub fn save(self) {
        if self.working.get_untracked() {
            return;
        }
        self.working.set(true);
        self.problems.clear();
        spawn_local(async move {
            match self.draft.tokenize().await {
                Ok(token) => self.take(add_payment_method(token).await).await,
                Err(problems) => self.problems.show(self.draft.place(problems)),
            }
            self.working.try_set(false);
        });
    }

    async fn take(self, answer: Result<AddedCard, AppError>) {
        match answer {
            Ok(AddedCard::Saved(method)) => {
                let label = method.card.label();
                self.end(Step::Filling);
                self.is_open.try_set(false);
                self.news.say(format!("{label} was saved."));
            }
            Ok(AddedCard::SavedBefore(method)) if self.is_seen() => {
                self.end(Step::SavedBefore(method));
                browser::focus_after_render(SAVED_BEFORE);
            }
            Ok(AddedCard::SavedBefore(method)) => {
                let label = method.card.label();
                self.end(Step::Filling);
                self.news.say(format!("{label} is already saved."));
            }
            Ok(AddedCard::RequiresAction(question)) => {
                // The same question is not drawn anew: it would reload the bank's page.
                if self.step.try_get_untracked() == Some(Step::Filling) {
                    self.step.try_set(Step::Asking(question.clone()));
                    self.remember();
                    self.focus_question();
                    spawn_local(self.follow(question));
                }
            }
            Err(error) => {
                let error = explained(error).await;
                // Not knowing is no answer: the bank's question stays open.
                if is_answer(&error) {
                    AskedCard::forget(self.organization);
                    self.step.try_set(Step::Filling);
                }
                self.tell(&error);
            }
        }
    }

    /// The card is saved: nothing of it stays in the form.
    fn end(self, step: Step) {
        AskedCard::forget(self.organization);
        self.draft.clear();
        self.step.try_set(step);
        self.refresh.run(());
    }

    /// In the dialog, or on the page when the dialog is closed.
    fn tell(self, error: &AppError) {
        let problem = Problem::from(error);
        if self.is_seen() {
            // Of the inputs that a problem may name, the card's are here.
            let problem = match problem.field {
                Some(PaymentField::Amount | PaymentField::PaymentMethod) => problem.above_button(),
                Some(
                    PaymentField::CardNumber
                    | PaymentField::Expiry
                    | PaymentField::SecurityCode
                    | PaymentField::Country,
                )
                | None => problem,
            };
            self.problems.show(self.draft.place(vec![problem]));
        } else {
            self.news.refuse(problem);
        }
    }

    /// Gives the question up: nothing was saved.
    pub fn use_another(self) {
        AskedCard::forget(self.organization);
        self.problems.clear();
        self.step.set(Step::Filling);
        browser::focus_after_render(input_id(PaymentField::CardNumber));
    }

    /// Asks what became of the question, for as long as it stands and patience lasts: the person may
    /// answer in another tab, or in an app, with the dialog open or closed.
    async fn follow(self, question: CardQuestion) {
        let began = browser::now_ms();
        let is_wanted = || self.is_asking(&question);
        while patience::wait(began, is_wanted).await && is_wanted() {
            let answer = finish_payment_method(question.setup.clone()).await;
            let is_told = answer.as_ref().err().is_none_or(is_answer);
            if is_told && is_wanted() {
                self.take(answer).await;
            }
        }
    }

    /// The person has answered: asked at once rather than at the next turn.
    pub fn ask_now(self, question: CardQuestion) {
        spawn_local(async move {
            let answer = finish_payment_method(question.setup.clone()).await;
            if self.is_asking(&question) {
                self.take(answer).await;
            }
        });
    }

    pub fn ask_by_script(self, question: CardQuestion) {
        self.problems.clear();
        spawn_local(async move {
            let Some(secret) = &question.client_secret else {
                return;
            };
            match self.draft.ask(secret).await {
                Ok(()) => self.focus_question(),
                Err(problem) => self.problems.show(vec![problem]),
            }
            self.ask_now(question);
        });
    }

    /// Keeps the question for after a reload, with whether it is seen.
    pub fn remember(self) {
        if let Some(Step::Asking(question)) = self.step.try_get_untracked() {
            let asked = AskedCard {
                setup: question.setup,
                is_shown: self.is_seen(),
            };
            asked.keep(self.organization);
        }
    }

    fn focus_question(self) {
        if self.is_seen() {
            browser::focus_after_render(ASKING);
        }
    }

    fn is_seen(self) -> bool {
        self.is_open.try_get_untracked().unwrap_or_default()
    }

    fn is_asking(self, question: &CardQuestion) -> bool {
        let step = self.step.try_get_untracked();
        matches!(step, Some(Step::Asking(asked)) if asked == *question)
    }
}

/// Whether it says what became of the card, rather than that this could not be found out.
const fn is_answer(error: &AppError) -> bool {
    match error {
        AppError::NotAllowed { .. } | AppError::NotFound { .. } | AppError::Invalid { .. } => true,
        AppError::SignedOut
        | AppError::OtherOrganization
        | AppError::Conflict { .. }
        | AppError::Throttled { .. }
        | AppError::Unknown { .. }
        | AppError::Broken { .. }
        | AppError::Unreadable
        | AppError::Outdated => false,
    }
}
