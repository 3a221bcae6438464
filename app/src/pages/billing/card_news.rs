use leptos::prelude::*;

use crate::browser;
use crate::components::problem::{GeneralProblem, Problem, Problems};

/// What became of the last change of the saved cards, told where they stand: their dialogs are gone
/// by then.
#[derive(Clone, Copy)]
pub struct CardNews {
    said: RwSignal<Option<String>>,
    problems: Problems,
    /// What gets the focus once the cards are drawn anew: they may stand in another order then.
    next_focus: StoredValue<Option<String>>,
}

impl CardNews {
    pub fn new() -> Self {
        Self {
            said: RwSignal::new(None),
            problems: Problems::new("methods-problem"),
            next_focus: StoredValue::new(None),
        }
    }

    pub fn say(self, words: String) {
        self.problems.clear();
        self.said.try_set(Some(words));
    }

    /// Keeps the focus at this element when the cards are drawn anew.
    pub fn focus_then(self, id: String) {
        self.next_focus.set_value(Some(id));
    }

    /// The cards are drawn anew.
    pub fn are_drawn(self) {
        if let Some(id) = self.next_focus.try_update_value(Option::take).flatten() {
            browser::focus_after_render(id);
        }
    }

    pub fn refuse(self, problem: Problem) {
        self.said.try_set(None);
        self.problems.show(vec![problem.above_button()]);
    }

    /// The person goes on to the next change.
    pub fn clear(self) {
        self.problems.clear();
        self.said.try_set(None);
    }
}

/// The line is always there, so that a screen reader hears it change.
#[component]
pub fn CardNewsLine(news: CardNews) -> impl IntoView {
    view! {
        <p class="methods-news" aria-live="polite">{move || news.said.get()}</p>
        <GeneralProblem problems=news.problems/>
    }
    .into_any()
}
