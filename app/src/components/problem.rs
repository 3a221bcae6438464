use leptos::prelude::*;
use types::payment::PaymentField;

use crate::browser;
use crate::error::AppError;

/// What is wrong with a payment form, and at which input.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// `None`: it concerns the whole form and stands above its button.
    pub field: Option<PaymentField>,
    pub message: String,
}

impl Problem {
    pub fn at(field: PaymentField, message: impl Into<String>) -> Self {
        Self {
            field: Some(field),
            message: message.into(),
        }
    }

    pub fn general(message: impl Into<String>) -> Self {
        Self {
            field: None,
            message: message.into(),
        }
    }
}

impl From<&AppError> for Problem {
    fn from(error: &AppError) -> Self {
        Self {
            field: error.payment_field(),
            message: error.to_string(),
        }
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

    /// The message for one place, `None` for the place above the button.
    pub fn message(self, field: Option<PaymentField>) -> Signal<Option<String>> {
        Signal::derive(move || {
            self.0.with(|all| {
                all.iter()
                    .find(|problem| problem.field == field)
                    .map(|found| found.message.clone())
            })
        })
    }
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
