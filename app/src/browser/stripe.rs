//! Stripe's own card fields: its script, loaded from its own origin, draws them in frames of its
//! own, so no card number is ever in a document of ours.
//!
//! Owns the few calls of the script that are used, its one instance in a document, and the one set
//! of fields that may stand in a page at a time. Decides nothing: what a card is for comes from the
//! form around it.
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

/// How far the fields have come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Drawing {
    Loading,
    Drawn,
    Failed,
}

/// The fields that stand in the page.
struct Mounted {
    stripe: Stripe,
    elements: Elements,
    element: Element,
    is_empty: Rc<Cell<bool>>,
    /// They are called for as long as the fields stand.
    _listeners: [Closure<dyn FnMut(JsValue)>; 3],
}

thread_local! {
    static MOUNTED: RefCell<Option<Mounted>> = const { RefCell::new(None) };
    static DRAWING: Cell<Drawing> = const { Cell::new(Drawing::Loading) };
    /// Fields, tokens and questions of one document come from one instance.
    static STRIPE: RefCell<Option<Stripe>> = const { RefCell::new(None) };
    /// The script on its way, one for all who wait for it.
    static SCRIPT: RefCell<Option<Promise>> = const { RefCell::new(None) };
}

/// Draws the fields in `host`, for what `purpose` says once the script is there: the person goes on
/// meanwhile. `tell` hears how far they have come.
pub async fn mount(
    tokenizer: &TokenizerView,
    purpose: impl Fn() -> Option<Purpose>,
    host: &HtmlElement,
    tell: impl Fn(Drawing) + 'static,
) {
    let tell = Rc::new(move |drawing| {
        DRAWING.set(drawing);
        tell(drawing);
    });
    tell(Drawing::Loading);
    let stripe = open_script(tokenizer).await;
    // The dialog may have been closed meanwhile.
    let Some(purpose) = purpose().filter(|_| host.is_connected()) else {
        return;
    };
    let options = options(tokenizer, purpose, host);
    let drawn = stripe.and_then(|stripe| draw(&stripe, &options, host, &tell));
    if drawn.is_err() {
        tell(Drawing::Failed);
    }
}

fn draw(
    stripe: &Stripe,
    options: &JsValue,
    host: &HtmlElement,
    tell: &Rc<impl Fn(Drawing) + 'static>,
) -> Result<(), JsValue> {
    unmount();
    let elements = stripe.elements(options)?;
    let element = elements.create("payment", &object(&[("layout", "tabs".into())]))?;
    let is_empty = Rc::new(Cell::new(true));
    let seen = Rc::clone(&is_empty);
    let on_change = Closure::<dyn FnMut(JsValue)>::new(move |event: JsValue| {
        seen.set(get(&event, "empty").as_bool().unwrap_or_default());
    });
    let tells = |drawing| {
        let tell = Rc::clone(tell);
        Closure::<dyn FnMut(JsValue)>::new(move |_| tell(drawing))
    };
    let (on_ready, on_failure) = (tells(Drawing::Drawn), tells(Drawing::Failed));
    element.on("change", on_change.as_ref().unchecked_ref());
    element.on("ready", on_ready.as_ref().unchecked_ref());
    element.on("loaderror", on_failure.as_ref().unchecked_ref());
    element.mount(host)?;
    MOUNTED.set(Some(Mounted {
        stripe: stripe.clone(),
        elements,
        element,
        is_empty,
        _listeners: [on_change, on_ready, on_failure],
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
    if DRAWING.get() == Drawing::Loading {
        return Err(Problem::general(
            "The card fields are still loading. Nothing was charged. Try again in a moment.",
        ));
    }
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
/// it our server is asked afterwards: of the money nothing is known here, whatever the script says.
pub async fn ask(tokenizer: &TokenizerView, client_secret: &str) -> Result<(), Problem> {
    let asked = async {
        let stripe = open_script(tokenizer).await?;
        let options = object(&[("clientSecret", client_secret.into())]);
        JsFuture::from(stripe.handle_next_action(&options)?).await
    };
    match asked.await {
        Ok(answer) => match refusal(&answer) {
            Some(Answer::Refused(message)) => Err(Problem::general(message)),
            Some(Answer::Token(_) | Answer::SaidAtField) | None => Ok(()),
        },
        Err(_) => Err(Problem::general(
            "We could not show your bank's question. Try again in a moment.",
        )),
    }
}

/// Takes the fields out of the page, with what was entered.
pub fn unmount() {
    if let Some(mounted) = MOUNTED.take() {
        mounted.element.destroy();
    }
}

/// Stripe's script, loaded and opened once in a document.
async fn open_script(tokenizer: &TokenizerView) -> Result<Stripe, JsValue> {
    if get(&window(), "Stripe").is_undefined() {
        let under_way = SCRIPT.with_borrow(Clone::clone);
        let loaded = under_way.map_or_else(|| load_script(&tokenizer.url), Ok)?;
        let result = JsFuture::from(loaded).await;
        // Where it did not come, the next one asks anew.
        SCRIPT.take();
        result?;
    }
    if let Some(stripe) = STRIPE.with_borrow(Clone::clone) {
        return Ok(stripe);
    }
    let stripe = open(&tokenizer.publishable_key)?;
    STRIPE.set(Some(stripe.clone()));
    Ok(stripe)
}

fn load_script(url: &str) -> Result<Promise, JsValue> {
    let script: HtmlScriptElement = document().create_element("script")?.unchecked_into();
    script.set_src(url);
    let loaded = Promise::new(&mut |resolve, reject| {
        script.set_onload(Some(&resolve));
        script.set_onerror(Some(&reject));
    });
    document()
        .head()
        .ok_or(JsValue::NULL)?
        .append_child(&script)?;
    SCRIPT.set(Some(loaded.clone()));
    Ok(loaded)
}

/// What the fields are for, and in the page's own colours.
fn options(tokenizer: &TokenizerView, purpose: Purpose, host: &HtmlElement) -> JsValue {
    let mut options = vec![
        ("currency", "usd".into()),
        ("paymentMethodCreation", "manual".into()),
        ("appearance", appearance(host)),
    ];
    // Named here and at the server alike: what else is switched on at Stripe is not offered.
    let kinds = match purpose {
        Purpose::Pay(_) => tokenizer.kinds(),
        Purpose::Save => &["card"],
    };
    let kinds: Array = kinds.iter().map(|kind| JsValue::from(*kind)).collect();
    options.push(("paymentMethodTypes", kinds.into()));
    match purpose {
        // As the server charges: now, and the card is kept for later.
        Purpose::Pay(amount) => options.extend([
            ("mode", "payment".into()),
            ("amount", cents(amount)),
            ("setupFutureUsage", "off_session".into()),
        ]),
        Purpose::Save => options.push(("mode", "setup".into())),
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

/// Before a card is a token there is nothing that could be charged.
pub fn unreachable() -> Problem {
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
