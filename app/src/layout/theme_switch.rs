use leptos::form::ActionForm;
use leptos::prelude::*;

use crate::browser;
use crate::components::icon::{Glyph, Icon};
use crate::server_fns::theme::{SetTheme, Theme};

/// System, light or dark. A form of three buttons: without script it reloads the page.
#[component]
pub fn ThemeSwitch() -> impl IntoView {
    let set_theme = ServerAction::<SetTheme>::new();
    let chosen = RwSignal::new(Theme::of_request());
    let buttons = Theme::ALL.map(|theme| {
        let glyph = match theme {
            Theme::System => Glyph::Monitor,
            Theme::Light => Glyph::Sun,
            Theme::Dark => Glyph::Moon,
        };
        view! {
            <button
                type="submit"
                name="theme"
                value=theme.as_str()
                title=theme.label()
                aria-label=format!("{} theme", theme.label())
                aria-pressed=move || if chosen.get() == theme { "true" } else { "false" }
                on:click=move |_| {
                    browser::set_page_theme(theme);
                    chosen.set(theme);
                }
            >
                <Icon glyph/>
            </button>
        }
    });
    view! {
        <ActionForm action=set_theme>
            <div class="theme-switch" role="group" aria-label="Theme">{buttons.collect_view()}</div>
        </ActionForm>
    }
    .into_any()
}
