use leptos::prelude::*;
use types::payment::PaymentField;

use super::notice::{Notice, NoticeKind};
use crate::browser;
use crate::error::AppError;
use crate::server_fns::refusal::Refusal;

/// What is wrong with a payment form, and at which input.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// `None`: it concerns the whole form and stands above its button.
    pub field: Option<PaymentField>,
    pub message: String,
    pub way_on: WayOn,
}

/// How a person goes on from a problem.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WayOn {
    /// By mending what they typed, or by trying again.
    Here,
    /// By signing in again, which leads back to this page.
    SignIn,
    /// By loading the page anew.
    Reload,
}

impl Problem {
    pub fn at(field: PaymentField, message: impl Into<String>) -> Self {
        Self {
            field: Some(field),
            message: message.into(),
            way_on: WayOn::Here,
        }
    }

    pub fn general(message: impl Into<String>) -> Self {
        Self {
            field: None,
            message: message.into(),
            way_on: WayOn::Here,
        }
    }

    /// What the last post of a form was refused for.
    pub fn of_refusal(refusal: &Refusal) -> Option<Self> {
        let field = refusal.field.as_deref().and_then(PaymentField::parse);
        (!refusal.message.is_empty()).then(|| Self {
            field,
            ..Self::general(&refusal.message)
        })
    }

    /// For a form without the input that it names.
    pub fn above_button(self) -> Self {
        Self {
            field: None,
            ..self
        }
    }
}

impl From<&AppError> for Problem {
    fn from(error: &AppError) -> Self {
        let way_on = match error {
            AppError::SignedOut => WayOn::SignIn,
            AppError::Outdated | AppError::OtherOrganization => WayOn::Reload,
            AppError::NotAllowed { .. }
            | AppError::NotFound { .. }
            | AppError::Conflict { .. }
            | AppError::Invalid { .. }
            | AppError::Throttled { .. }
            | AppError::Unknown { .. }
            | AppError::Broken { .. }
            | AppError::Unreadable => WayOn::Here,
        };
        Self {
            field: error.payment_field(),
            message: error.to_string(),
            way_on,
        }
    }
}

/// Finds out why an answer could not be read, as far as a browser can.
pub async fn explained(error: AppError) -> AppError {
    if error == AppError::Unreadable && browser::site_was_replaced().await {
        AppError::Outdated
    } else {
        error
    }
}

/// The problems of one form.
#[derive(Clone, Copy)]
pub struct Problems {
    all: RwSignal<Vec<Problem>>,
    /// What was said while the focus was elsewhere: to be heard without going there.
    said: RwSignal<Option<Problem>>,
    /// The id of the message above the form's button.
    general_id: &'static str,
}

impl Problems {
    /// `general_id` is unique in the page.
    pub fn new(general_id: &'static str) -> Self {
        Self {
            all: RwSignal::new(Vec::new()),
            said: RwSignal::new(None),
            general_id,
        }
    }

    /// Shows these and moves the focus to the first: its input, or the message above the button.
    pub fn show(self, problems: Vec<Problem>) {
        if let Some(first) = problems.first() {
            browser::focus_after_render(first.field.map_or(self.general_id, input_id));
        }
        self.said.try_set(None);
        self.all.try_set(problems);
    }

    /// Says this one at its input, wherever the focus is by now.
    pub fn say(self, problem: Problem) {
        self.said.set(Some(problem.clone()));
        self.all.update(|all| {
            all.retain(|other| other.field != problem.field);
            all.push(problem);
        });
    }

    pub fn clear(self) {
        self.said.try_set(None);
        self.all.try_set(Vec::new());
    }

    /// The person is mending this input: its message has served.
    pub fn clear_at(self, field: PaymentField) {
        let is_at = |problem: &Problem| problem.field == Some(field);
        if self
            .said
            .with_untracked(|said| said.as_ref().is_some_and(is_at))
        {
            self.said.set(None);
        }
        if self.all.with_untracked(|all| all.iter().any(is_at)) {
            self.all.update(|all| all.retain(|problem| !is_at(problem)));
        }
    }

    /// The message at an input.
    pub fn message(self, field: PaymentField) -> Signal<Option<String>> {
        Signal::derive(move || self.find(Some(field)).map(|problem| problem.message))
    }

    fn find(self, field: Option<PaymentField>) -> Option<Problem> {
        self.all
            .with(|all| all.iter().find(|problem| problem.field == field).cloned())
    }
}

/// What concerns a whole form, above its button, with the way on; and, for a screen reader, what was
/// said at a field that the focus has left.
#[component]
pub fn GeneralProblem(problems: Problems) -> impl IntoView {
    let said = move || problems.said.get().map(|problem| problem.message);
    let general = move || {
        problems.find(None).map(|problem| {
            view! {
                <Notice kind=NoticeKind::Bad id=problems.general_id>
                    {problem.message}
                    {match problem.way_on {
                        WayOn::Here => ().into_any(),
                        WayOn::SignIn => view! {
                            " "
                            <a href=sign_in_path(&browser::here()) rel="external">"Sign in"</a>
                        }
                        .into_any(),
                        WayOn::Reload => view! { " " <ReloadLink/> }.into_any(),
                    }}
                </Notice>
            }
        })
    };
    view! {
        <p class="visually-hidden" aria-live="polite">{said}</p>
        {general}
    }
    .into_any()
}

/// Loads the page anew, by the browser itself.
#[component]
pub fn ReloadLink() -> impl IntoView {
    view! { <a href="" rel="external">"Reload"</a> }.into_any()
}

/// The sign-in that leads back to a page of ours.
pub fn sign_in_path(back: &str) -> String {
    format!("/login?next={}", leptos_router::location::Url::escape(back))
}

/// The id of the input that a field's message belongs to.
pub const fn input_id(field: PaymentField) -> &'static str {
    match field {
        PaymentField::Amount => "amount",
        PaymentField::PaymentMethod => "payment-method",
        PaymentField::CardNumber => "card-number",
        PaymentField::Expiry => "card-expiry",
        PaymentField::SecurityCode => "card-security-code",
        PaymentField::Country => "card-country",
    }
}
