use leptos::prelude::*;
use types::payment::PaymentField;

use super::notice::{Notice, NoticeKind};
use crate::browser;
use crate::error::AppError;

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
pub struct Problems(RwSignal<Vec<Problem>>);

impl Problems {
    pub fn new() -> Self {
        Self(RwSignal::new(Vec::new()))
    }

    /// Shows these and moves the focus to the first: its input, or the message above the button.
    pub fn show(self, problems: Vec<Problem>) {
        if let Some(first) = problems.first() {
            browser::focus_after_render(first.field.map_or(GENERAL_ID, input_id));
        }
        self.0.try_set(problems);
    }

    /// Says this one at its input, wherever the focus is by now.
    pub fn say(self, problem: Problem) {
        self.0.update(|all| {
            all.retain(|other| other.field != problem.field);
            all.push(problem);
        });
    }

    pub fn clear(self) {
        self.0.try_set(Vec::new());
    }

    /// The person is mending this input: its message has served.
    pub fn clear_at(self, field: PaymentField) {
        if self
            .0
            .with_untracked(|all| all.iter().any(|problem| problem.field == Some(field)))
        {
            self.0
                .update(|all| all.retain(|problem| problem.field != Some(field)));
        }
    }

    /// The message at an input.
    pub fn message(self, field: PaymentField) -> Signal<Option<String>> {
        Signal::derive(move || self.find(Some(field)).map(|problem| problem.message))
    }

    fn find(self, field: Option<PaymentField>) -> Option<Problem> {
        self.0
            .with(|all| all.iter().find(|problem| problem.field == field).cloned())
    }
}

/// What concerns a whole form, above its button, with the way on.
#[component]
pub fn GeneralProblem(problems: Problems) -> impl IntoView {
    move || {
        problems.find(None).map(|problem| {
            view! {
                <Notice kind=NoticeKind::Bad id=GENERAL_ID>
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
    }
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

/// The id of the message that stands above a form's button.
pub const GENERAL_ID: &str = "form-problem";

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
