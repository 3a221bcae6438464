use leptos::prelude::*;
use leptos_meta::MetaTags;

use super::payments_mode::PaymentsMode;
use super::stripe_script::StripeScript;
use crate::App;
use crate::server_fns::theme::Theme;

/// The HTML document around the app. The theme is in it from the first byte: no flash.
pub fn shell(options: LeptosOptions) -> impl IntoView {
    let styles = format!("/{}/{}.css", options.site_pkg_dir, options.output_name);
    let theme = Theme::of_request();
    view! {
        <!DOCTYPE html>
        <html
            lang="en"
            data-theme=theme.attribute()
            data-payments=PaymentsMode::of_site().as_str()
            data-stripe=StripeScript::of_document().attribute()
        >
            <head>
                <meta charset="utf-8"/>
                <meta name="viewport" content="width=device-width, initial-scale=1, viewport-fit=cover"/>
                <meta name="color-scheme" content="dark light"/>
                {theme_colours(theme)}
                <meta name="description" content="Prepaid credit for AI inference: balance, cards and history."/>
                <link rel="icon" href="/favicon.svg" type="image/svg+xml"/>
                <link rel="alternate icon" href="/favicon.ico" sizes="32x32"/>
                <link rel="stylesheet" href=styles/>
                // The page is readable and its forms work before: the scripts wait until it is painted.
                <HydrationScripts options defer=true/>
                <MetaTags/>
                {reload_script()}
            </head>
            <body>
                <App/>
            </body>
        </html>
    }
}

/// A theme that was chosen colours the browser's bars, too, whatever the system prefers.
fn theme_colours(theme: Theme) -> impl IntoView {
    let colour = |content, media: Option<&'static str>| {
        leptos::html::meta()
            .name("theme-color")
            .content(content)
            .attr("media", media)
    };
    let (dark, light) = ("#0b0d0c", "#f6f8f7");
    match theme {
        Theme::System => vec![
            colour(dark, Some("(prefers-color-scheme: dark)")),
            colour(light, Some("(prefers-color-scheme: light)")),
        ],
        Theme::Dark => vec![colour(dark, None)],
        Theme::Light => vec![colour(light, None)],
    }
}

/// For developers: the page reloads once another process answers, however quick the change was.
#[cfg(feature = "ssr")]
fn reload_script() -> Option<impl IntoView> {
    const SCRIPT: &str = "let first; setInterval(async () => { \
        try { const now = (await fetch('/healthz')).headers.get('x-process'); \
        first ??= now; if (now !== first) location.reload(); } catch {} \
        }, 300);";
    let nonce = use_nonce();
    crate::ssr::site_options()
        .dev_reload
        .then(|| view! { <script type="module" nonce=nonce>{SCRIPT}</script> })
}

#[cfg(not(feature = "ssr"))]
fn reload_script() {}
