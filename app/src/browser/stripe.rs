//! Stripe's own card fields: its script, loaded from its own origin, draws them in frames of its
//! own, so no card number is ever in a document of ours.
//!
//! Owns the few calls of the script that are used and the one set of fields that may stand in a
//! page at a time. Decides nothing: what a card is for comes from the form around it.
//!
//! | our word | Stripe's calls |
//! | --- | --- |
//! | [`mount`] | `Stripe(key)`, `elements({mode, …})`, `create('payment')`, `mount` |
//! | [`change`] | `elements.update({amount})` |
//! | [`token`] | `elements.submit()`, `createPaymentMethod({elements})` |
//! | [`ask`] | `handleNextAction({clientSecret})` |
//! | [`unmount`] | `destroy` |
//!
//! The fields stand before there is a payment ("deferred"): a payment is made by our server alone,
//! under an id that it has stored, with the token that comes from here.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use js_sys::{Array, Function, Object, Promise, Reflect};
use leptos::prelude::{document, window};
use types::money::Cents;
use types::payment::TokenizerView;
use wasm_bindgen::prelude::{Closure, wasm_bindgen};
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_sys::{HtmlElement, HtmlScriptElement};

use crate::components::problem::Problem;

/// What a card is entered for. It must be what the server asks Stripe for later.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    Pay(Cents),
    Save,
}

#[wasm_bindgen]
extern "C" {
    #[derive(Clone)]
    type Stripe;
    #[wasm_bindgen(js_name = Stripe, catch)]
    fn open(key: &str) -> Result<Stripe, JsValue>;
    #[wasm_bindgen(method, catch)]
    fn elements(this: &Stripe, options: &JsValue) -> Result<Elements, JsValue>;
    #[wasm_bindgen(method, catch, js_name = createPaymentMethod)]
    fn create_payment_method(this: &Stripe, options: &JsValue) -> Result<Promise, JsValue>;
    #[wasm_bindgen(method, catch, js_name = handleNextAction)]
    fn handle_next_action(this: &Stripe, options: &JsValue) -> Result<Promise, JsValue>;

    #[derive(Clone)]
    type Elements;
    #[wasm_bindgen(method, catch)]
    fn create(this: &Elements, kind: &str, options: &JsValue) -> Result<Element, JsValue>;
    #[wasm_bindgen(method, catch)]
    fn update(this: &Elements, options: &JsValue) -> Result<(), JsValue>;
    #[wasm_bindgen(method, catch)]
    fn submit(this: &Elements) -> Result<Promise, JsValue>;

    #[derive(Clone)]
    type Element;
    #[wasm_bindgen(method, catch)]
    fn mount(this: &Element, host: &HtmlElement) -> Result<(), JsValue>;
    #[wasm_bindgen(method)]
    fn on(this: &Element, event: &str, handler: &Function);
    #[wasm_bindgen(method)]
    fn focus(this: &Element);
    #[wasm_bindgen(method)]
    fn destroy(this: &Element);
}

/// The fields that stand in the page.
struct Mounted {
    stripe: Stripe,
    elements: Elements,
    element: Element,
    is_empty: Rc<Cell<bool>>,
    /// They are called for as long as the fields stand.
    _listeners: [Closure<dyn FnMut(JsValue)>; 2],
}

thread_local! {
    static MOUNTED: RefCell<Option<Mounted>> = const { RefCell::new(None) };
}

/// Draws the fields in `host`. `failed` hears it when they cannot be drawn after all.
pub async fn mount(
    tokenizer: &TokenizerView,
    purpose: Purpose,
    host: &HtmlElement,
    failed: impl Fn() + 'static,
) -> Result<(), Problem> {
    let stripe = open_script(tokenizer).await.map_err(|_| unreachable())?;
    // The dialog may have been closed meanwhile.
    if !host.is_connected() {
        return Ok(());
    }
    draw(&stripe, purpose, host, failed).map_err(|_| unreachable())
}

fn draw(
    stripe: &Stripe,
    purpose: Purpose,
    host: &HtmlElement,
    failed: impl Fn() + 'static,
) -> Result<(), JsValue> {
    unmount();
    let elements = stripe.elements(&options(purpose, host))?;
    let element = elements.create("payment", &object(&[("layout", "tabs".into())]))?;
    let is_empty = Rc::new(Cell::new(true));
    let seen = Rc::clone(&is_empty);
    let on_change = Closure::<dyn FnMut(JsValue)>::new(move |event: JsValue| {
        seen.set(get(&event, "empty").as_bool().unwrap_or_default());
    });
    let on_failure = Closure::<dyn FnMut(JsValue)>::new(move |_| failed());
    element.on("change", on_change.as_ref().unchecked_ref());
    element.on("loaderror", on_failure.as_ref().unchecked_ref());
    element.mount(host)?;
    MOUNTED.set(Some(Mounted {
        stripe: stripe.clone(),
        elements,
        element,
        is_empty,
        _listeners: [on_change, on_failure],
    }));
    Ok(())
}

/// The payment is of another amount now.
pub fn change(purpose: Purpose) {
    if let Purpose::Pay(amount) = purpose {
        MOUNTED.with_borrow(|mounted| {
            if let Some(mounted) = mounted {
                // Refused, the amount is judged again when the fields are submitted.
                let _ = mounted
                    .elements
                    .update(&object(&[("amount", cents(amount))]));
            }
        });
    }
}

/// Whether nothing has been entered.
pub fn is_empty() -> bool {
    MOUNTED.with_borrow(|mounted| {
        mounted
            .as_ref()
            .is_none_or(|mounted| mounted.is_empty.get())
    })
}

/// Stripe's token for what was entered. `None`: the fields say themselves what is wrong with it.
pub async fn token() -> Result<Option<String>, Problem> {
    let parts = MOUNTED.with_borrow(|mounted| {
        let mounted = mounted.as_ref()?;
        let (stripe, elements) = (mounted.stripe.clone(), mounted.elements.clone());
        Some((stripe, elements, mounted.element.clone()))
    });
    let Some((stripe, elements, element)) = parts else {
        return Err(unreachable());
    };
    match tokenize(&stripe, &elements).await {
        Ok(Answer::Token(token)) => Ok(Some(token)),
        Ok(Answer::SaidAtField) => {
            element.focus();
            Ok(None)
        }
        Ok(Answer::Refused(message)) => Err(Problem::general(message)),
        Err(_) => Err(unreachable()),
    }
}

enum Answer {
    Token(String),
    SaidAtField,
    /// In Stripe's words, which are for the person.
    Refused(String),
}

async fn tokenize(stripe: &Stripe, elements: &Elements) -> Result<Answer, JsValue> {
    let submitted = JsFuture::from(elements.submit()?).await?;
    if let Some(refused) = refusal(&submitted) {
        return Ok(refused);
    }
    let request = object(&[("elements", elements.into())]);
    let made = JsFuture::from(stripe.create_payment_method(&request)?).await?;
    if let Some(refused) = refusal(&made) {
        return Ok(refused);
    }
    let token = get(&get(&made, "paymentMethod"), "id").as_string();
    token.map(Answer::Token).ok_or(JsValue::NULL)
}

fn refusal(answer: &JsValue) -> Option<Answer> {
    let error = get(answer, "error");
    if !error.is_object() {
        return None;
    }
    let text = |name| get(&error, name).as_string().unwrap_or_default();
    Some(match text("type").as_str() {
        "validation_error" => Answer::SaidAtField,
        _ => Answer::Refused(text("message")),
    })
}

/// Has Stripe's script ask what the bank asks, where the bank has no page of its own. What comes of
/// it our server is asked afterwards.
pub async fn ask(tokenizer: &TokenizerView, client_secret: &str) -> Result<(), Problem> {
    let asked = async {
        let stripe = open_script(tokenizer).await?;
        let options = object(&[("clientSecret", client_secret.into())]);
        JsFuture::from(stripe.handle_next_action(&options)?).await
    };
    asked.await.map(|_| ()).map_err(|_| unreachable())
}

/// Takes the fields out of the page, with what was entered.
pub fn unmount() {
    if let Some(mounted) = MOUNTED.take() {
        mounted.element.destroy();
    }
}

/// Loads the script, once in a document.
async fn open_script(tokenizer: &TokenizerView) -> Result<Stripe, JsValue> {
    if get(&window(), "Stripe").is_undefined() {
        let script: HtmlScriptElement = document().create_element("script")?.unchecked_into();
        script.set_src(&tokenizer.url);
        let loaded = Promise::new(&mut |resolve, reject| {
            script.set_onload(Some(&resolve));
            script.set_onerror(Some(&reject));
        });
        document()
            .head()
            .ok_or(JsValue::NULL)?
            .append_child(&script)?;
        JsFuture::from(loaded).await?;
    }
    open(&tokenizer.publishable_key)
}

/// What the fields are for, and in the page's own colours.
fn options(purpose: Purpose, host: &HtmlElement) -> JsValue {
    let mut options = vec![
        ("currency", "usd".into()),
        ("paymentMethodCreation", "manual".into()),
        ("appearance", appearance(host)),
    ];
    match purpose {
        // As the server charges: now, and the card is kept for later.
        Purpose::Pay(amount) => options.extend([
            ("mode", "payment".into()),
            ("amount", cents(amount)),
            ("setupFutureUsage", "off_session".into()),
        ]),
        Purpose::Save => options.extend([
            ("mode", "setup".into()),
            ("paymentMethodTypes", Array::of1(&"card".into()).into()),
        ]),
    }
    object(&options)
}

fn appearance(host: &HtmlElement) -> JsValue {
    let style = window().get_computed_style(host).ok().flatten();
    let value = |name: &str| {
        let value = style
            .as_ref()
            .and_then(|style| style.get_property_value(name).ok());
        value.unwrap_or_default()
    };
    let text = value("color");
    let variables = object(&[
        ("colorText", text.as_str().into()),
        ("colorBackground", value("background-color").into()),
        ("colorPrimary", value("outline-color").into()),
        ("fontFamily", value("font-family").into()),
        ("borderRadius", "6px".into()),
    ]);
    let theme = if is_light(&text) { "night" } else { "stripe" };
    object(&[("theme", theme.into()), ("variables", variables)])
}

/// Whether a colour, as browsers compute it (`rgb(231, 236, 233)`), is nearer to white.
fn is_light(colour: &str) -> bool {
    let digits = colour.split(|letter: char| !letter.is_ascii_digit());
    let first = digits.filter_map(|part| part.parse::<u32>().ok()).next();
    first.is_some_and(|red| red > 127)
}

fn object(pairs: &[(&str, JsValue)]) -> JsValue {
    let object = Object::new();
    for (name, value) in pairs {
        // A new object takes every property.
        let _ = Reflect::set(&object, &(*name).into(), value);
    }
    object.into()
}

fn get(object: &JsValue, name: &str) -> JsValue {
    Reflect::get(object, &name.into()).unwrap_or(JsValue::UNDEFINED)
}

/// Amounts that can be paid are far below what a number of JavaScript's holds.
fn cents(amount: Cents) -> JsValue {
    JsValue::from(u32::try_from(amount.get()).unwrap_or_default())
}

fn unreachable() -> Problem {
    Problem::general(
        "We could not reach the payment processor. Nothing was charged. Try again in a moment.",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_colour_is_light_or_dark() {
        for (colour, expected) in [
            ("rgb(231, 236, 233)", true),
            ("rgba(17, 20, 19, 0.9)", false),
            ("", false),
        ] {
            assert_eq!(is_light(colour), expected, "{colour}");
        }
    }
}
