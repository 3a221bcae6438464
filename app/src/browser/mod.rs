//! The browser's own things: focus, clock, locale, storage, the gateway's tokenizer.
//!
//! Called from effects and event handlers alone, which never run on the server. Owns every
//! direct use of the DOM; decides nothing.

pub mod asked_card;
pub mod attempt;
mod kept;
pub mod place;
pub mod refund_attempt;
pub mod stripe;
pub mod tokenizer;

use js_sys::{Date, Function, Promise, Reflect};
use leptos::prelude::{document, request_animation_frame, window};
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_sys::{
    FormData, HtmlElement, HtmlFormElement, HtmlInputElement, MouseEvent, RequestCache,
    RequestInit, Response,
};

use crate::server_fns::theme::Theme;

/// Moves the focus once the page shows what was just changed.
pub fn focus_after_render(id: impl Into<String>) {
    let id = id.into();
    request_animation_frame(move || {
        if let Some(element) = element(&id) {
            // A browser that refuses the focus leaves it where it was; nothing depends on it.
            let _ = element.focus();
        }
    });
}

/// Changes what is drawn, and leaves the focus at the element with the id that has it: it may be
/// another element then.
pub fn keep_focus(change: impl FnOnce()) {
    let focused = document().active_element().map(|element| element.id());
    change();
    if let Some(id) = focused.filter(|id| !id.is_empty()) {
        focus_after_render(id);
    }
}

/// Does `act` where a link would lead, unless the person wants that in another tab or window: there
/// the link leads by itself.
pub fn instead_of_following(event: &MouseEvent, act: impl FnOnce()) {
    if !(event.ctrl_key() || event.meta_key() || event.shift_key()) {
        event.prevent_default();
        act();
    }
}

pub fn element(id: &str) -> Option<HtmlElement> {
    document().get_element_by_id(id)?.dyn_into().ok()
}

/// The look that the server rendered the page with, or the person chose since.
#[cfg(not(feature = "ssr"))]
pub fn page_theme() -> Theme {
    let chosen = document()
        .document_element()
        .and_then(|root| root.get_attribute("data-theme"));
    chosen.map_or(Theme::System, |value| Theme::parse(&value))
}

/// How the installation that rendered the page is paid.
#[cfg(not(feature = "ssr"))]
pub fn page_payments() -> Option<String> {
    document()
        .document_element()
        .and_then(|root| root.get_attribute("data-payments"))
}

/// Whether the document's content policy lets Stripe's script run, as the server wrote it.
#[cfg(not(feature = "ssr"))]
pub fn page_stripe() -> Option<String> {
    document()
        .document_element()
        .and_then(|root| root.get_attribute("data-stripe"))
}

/// Loads the page anew from the server.
#[cfg(not(feature = "ssr"))]
fn reload() {
    // A browser that refuses leaves the page as it is, and its links work.
    let _ = window().location().reload();
}

/// Loads the page that is being navigated to from the server, once the router has written its address.
#[cfg(not(feature = "ssr"))]
pub fn reload_after_navigation() {
    request_animation_frame(|| request_animation_frame(reload));
}

/// Changes the look of the page at once; the cookie for the next one is the server's to set.
pub fn set_page_theme(theme: Theme) {
    let Some(root) = document().document_element() else {
        return;
    };
    let _ = match theme.attribute() {
        Some(value) => root.set_attribute("data-theme", value),
        None => root.remove_attribute("data-theme"),
    };
}

/// Milliseconds since 1970.
pub fn now_ms() -> i64 {
    #[expect(
        clippy::cast_possible_truncation,
        reason = "whole milliseconds, far below 2^53"
    )]
    let now = Date::now() as i64;
    now
}

/// Whether nobody can see the page: another tab is in front of it.
pub fn is_hidden() -> bool {
    document().hidden()
}

/// The path of the page with its query, as an address to come back to.
pub fn here() -> String {
    let location = window().location();
    let path = location.pathname().unwrap_or_default();
    path + &location.search().unwrap_or_default()
}

/// What stands in a form's fields at this moment.
pub fn form_fields(id: &str) -> Option<FormData> {
    let form: HtmlFormElement = element(id)?.dyn_into().ok()?;
    FormData::new_with_form(&form).ok()
}

/// Whether the site has been replaced since this page was opened. The files of a page have an
/// address that changes with what is in them, and a site has no files but its own.
pub async fn site_was_replaced() -> bool {
    let style = document().query_selector("link[rel=stylesheet]");
    let Some(address) = style
        .ok()
        .flatten()
        .and_then(|link| link.get_attribute("href"))
    else {
        return false;
    };
    let request = RequestInit::new();
    request.set_method("HEAD");
    request.set_cache(RequestCache::NoStore);
    let sent = window().fetch_with_str_and_init(&address, &request);
    // Without an answer nothing is known.
    JsFuture::from(sent)
        .await
        .ok()
        .and_then(|response| response.dyn_into::<Response>().ok())
        .is_some_and(|response| response.status() == 404)
}

pub async fn sleep(milliseconds: i32) {
    let promise = Promise::new(&mut |resolve, _| {
        // Without a timer the promise stays open: the caller waits rather than spins.
        let _ =
            window().set_timeout_with_callback_and_timeout_and_arguments_0(&resolve, milliseconds);
    });
    let _ = JsFuture::from(promise).await;
}

/// An instant in the browser's locale and zone, such as `3/11/2026, 3:12:47 PM`.
pub fn local_date_time(milliseconds: i64) -> Option<String> {
    #[expect(
        clippy::cast_precision_loss,
        reason = "a date in milliseconds is far below 2^53"
    )]
    let date = Date::new(&JsValue::from_f64(milliseconds as f64));
    let format: Function = Reflect::get(&date, &"toLocaleString".into())
        .ok()?
        .dyn_into()
        .ok()?;
    let text = format.call0(&date).ok()?.as_string()?;
    // Newer browsers put a narrow no-break space before AM and PM.
    Some(text.replace('\u{202f}', " "))
}

/// The month that it is where the person sits: (year, month from 1).
pub fn current_month() -> (u32, u32) {
    let now = Date::new_0();
    (now.get_full_year(), now.get_month() + 1)
}

/// The region of the browser's language: `US` of `en-US`.
pub fn region() -> Option<String> {
    let language = window().navigator().language()?;
    let region = language.split('-').skip(1).find(|part| part.len() == 2)?;
    Some(region.to_ascii_uppercase())
}

/// Replaces the text of an input that reformats itself, keeping the caret where it was meant.
pub fn rewrite(input: &HtmlInputElement, text: &str, caret: usize) {
    if input.value() != text {
        input.set_value(text);
    }
    let caret = u32::try_from(caret).unwrap_or(u32::MAX);
    let _ = input.set_selection_range(caret, caret);
}

/// Where the caret stands, in characters of the value (which is ASCII where this is used).
pub fn caret(input: &HtmlInputElement) -> usize {
    let at = input.selection_start().ok().flatten();
    at.and_then(|at| usize::try_from(at).ok())
        .unwrap_or_else(|| input.value().len())
}
