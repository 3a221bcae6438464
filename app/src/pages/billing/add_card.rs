use leptos::prelude::*;
use leptos::task::spawn_local;
use types::payment::{AddedCard, CardQuestion, PaymentField, PaymentMethodView};

use super::add_credit::next_pause_ms;
use super::bank::BankQuestion;
use crate::browser::stripe::Purpose;
use crate::browser::{self, sleep};
use crate::components::card_form::{CardDraft, CardFieldset, SecureLine};
use crate::components::dialog::Dialog;
use crate::components::icon::{Glyph, Icon};
use crate::components::problem::{GeneralProblem, Problem, Problems, explained, input_id};
use crate::error::AppError;
use crate::server_fns::billing_page::BillingPage as Page;
use crate::server_fns::payment_method::{add_payment_method, finish_payment_method};

/// The id of the line that says that the card was saved before.
const SAVED_BEFORE: &str = "card-saved-before";

/// Where the dialog stands.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Step {
    Filling,
    /// The bank asks before it lets the card be saved.
    Asking(CardQuestion),
    SavedBefore(PaymentMethodView),
}

/// Saving a card without charging it.
#[derive(Clone, Copy)]
struct AddCardForm {
    open: RwSignal<bool>,
    step: RwSignal<Step>,
    working: RwSignal<bool>,
    draft: CardDraft,
    problems: Problems,
    refresh: Callback<()>,
}

impl AddCardForm {
    fn save(self) {
        if self.working.get_untracked() {
            return;
        }
        self.working.set(true);
        self.problems.clear();
        spawn_local(async move {
            match self.draft.tokenize().await {
                Ok(token) => self.take(add_payment_method(token).await).await,
                Err(problems) => self.problems.show(problems),
            }
            self.working.try_set(false);
        });
    }

    async fn take(self, answer: Result<AddedCard, AppError>) {
        match answer {
            Ok(AddedCard::Saved(_)) => {
                self.draft.clear();
                self.open.try_set(false);
                self.refresh.run(());
            }
            Ok(AddedCard::SavedBefore(method)) => {
                self.draft.clear();
                self.step.try_set(Step::SavedBefore(method));
                browser::focus_after_render(SAVED_BEFORE);
                self.refresh.run(());
            }
            Ok(AddedCard::RequiresAction(question)) => {
                // The same question is not drawn anew: it would reload the bank's page.
                if self.step.try_get_untracked() == Some(Step::Filling) {
                    self.step.try_set(Step::Asking(question.clone()));
                    spawn_local(self.follow(question));
                }
            }
            Err(error) => {
                let error = explained(error).await;
                // Not knowing is no answer: the bank's question stays open.
                if error.is_refusal() {
                    self.step.try_set(Step::Filling);
                }
                self.problems.show(vec![Problem::from(&error)]);
            }
        }
    }

    /// Asks what became of the question, for as long as it stands and patience lasts: the person may
    /// answer in another tab, or in an app.
    async fn follow(self, question: CardQuestion) {
        let began = browser::now_ms();
        while let Some(pause) = next_pause_ms(browser::now_ms() - began) {
            sleep(pause).await;
            if !self.is_asking(&question) {
                return;
            }
            if !browser::is_hidden()
                && let Ok(added) = finish_payment_method(question.setup.clone()).await
                && self.is_asking(&question)
            {
                self.take(Ok(added)).await;
            }
        }
    }

    /// The person has answered: asked at once rather than at the next turn.
    fn ask_now(self, question: CardQuestion) {
        spawn_local(async move {
            let answer = finish_payment_method(question.setup.clone()).await;
            if self.is_asking(&question) {
                self.take(answer).await;
            }
        });
    }

    fn ask_by_script(self, question: CardQuestion) {
        spawn_local(async move {
            let Some(secret) = &question.client_secret else {
                return;
            };
            match self.draft.ask(secret).await {
                Ok(()) => self.ask_now(question),
                Err(problem) => self.problems.show(vec![problem]),
            }
        });
    }

    fn is_asking(self, question: &CardQuestion) -> bool {
        let step = self.step.try_get_untracked();
        let is_open = self.open.try_get_untracked().unwrap_or_default();
        is_open && matches!(step, Some(Step::Asking(asked)) if asked == *question)
    }
}

/// Saves a card without charging it.
#[component]
pub fn AddCardDialog(
    open: RwSignal<bool>,
    page: RwSignal<Page>,
    refresh: Callback<()>,
) -> impl IntoView {
    let form = AddCardForm {
        open,
        step: RwSignal::new(Step::Filling),
        working: RwSignal::new(false),
        draft: CardDraft::new(page.with_untracked(|page| page.tokenizer.clone())),
        problems: Problems::new(),
        refresh,
    };
    Effect::new(move || {
        if open.get() {
            form.step.set(Step::Filling);
            form.problems.clear();
            browser::focus_after_render(input_id(PaymentField::CardNumber));
        }
    });
    // Drawn anew only where it changes: opening the dialog must not take the fields down again.
    let shown = Memo::new(move |_| form.step.get());
    view! {
        <Dialog open title="Add payment method" heading_id="add-card-title">
            {move || match shown.get() {
                Step::Filling => view! { <Form form page/> }.into_any(),
                Step::Asking(question) => view! { <Asking question form/> }.into_any(),
                Step::SavedBefore(method) => view! { <SavedBefore method open/> }.into_any(),
            }}
        </Dialog>
    }
    .into_any()
}

#[component]
fn Form(form: AddCardForm, page: RwSignal<Page>) -> impl IntoView {
    let working = form.working;
    view! {
        <form
            class="form"
            novalidate
            aria-busy=move || working.get().then_some("true")
            on:submit=move |event| {
                event.prevent_default();
                form.save();
            }
        >
            <CardFieldset
                draft=form.draft
                problems=form.problems
                purpose=Signal::stored(Purpose::Save)
            />
            <div class="dialog-foot">
                <GeneralProblem problems=form.problems/>
                <button
                    type="submit"
                    class="button button-primary button-wide"
                    disabled=move || working.get()
                    class:working=move || working.get()
                >
                    <span>"Save card"</span>
                </button>
                <SecureLine page/>
            </div>
        </form>
    }
    .into_any()
}

#[component]
fn Asking(question: CardQuestion, form: AddCardForm) -> impl IntoView {
    let (answered, asked) = (question.clone(), question.clone());
    view! {
        <div class="outcome">
            <p class="dialog-text" role="status">
                "Your bank wants to be sure that it is you. Confirm below to save the card; nothing is charged."
            </p>
            <BankQuestion
                url=question.url
                on_answer=Callback::new(move |()| form.ask_now(answered.clone()))
                ask=Callback::new(move |()| form.ask_by_script(asked.clone()))
            />
            <GeneralProblem problems=form.problems/>
            <div class="outcome-buttons">
                <button
                    type="button"
                    class="button"
                    on:click=move |_| {
                        form.problems.clear();
                        form.step.set(Step::Filling);
                    }
                >
                    "Use another card"
                </button>
            </div>
        </div>
    }
    .into_any()
}

#[component]
fn SavedBefore(method: PaymentMethodView, open: RwSignal<bool>) -> impl IntoView {
    view! {
        <div class="outcome outcome-center">
            <span class="outcome-check" aria-hidden="true"><Icon glyph=Glyph::Check/></span>
            <p class="outcome-title" id=SAVED_BEFORE tabindex="-1" role="status">
                {format!("{} is already saved", method.card.label())}
            </p>
            <p class="dialog-text">
                {format!("It stays one card. Its expiry is {}.", method.card.expiry())}
            </p>
            <button
                type="button"
                class="button button-primary button-wide"
                on:click=move |_| open.set(false)
            >
                <span>"Done"</span>
            </button>
        </div>
    }
    .into_any()
}
