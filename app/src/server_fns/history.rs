use leptos::prelude::*;
use types::history::HistoryPage;

use crate::error::AppError;
#[cfg(feature = "ssr")]
use crate::ssr;

/// Rows a page: two screens of them.
#[cfg(feature = "ssr")]
const ROWS: u32 = 25;

/// A page of the history, newest first; `after` is the cursor of the page before it.
#[server(name = GetHistoryPage, prefix = "/api", endpoint = "history_page")]
pub async fn history_page(
    #[server(default)] after: Option<String>,
) -> Result<HistoryPage, AppError> {
    ssr::respond(load(after).await)
}

#[cfg(feature = "ssr")]
async fn load(after: Option<String>) -> Result<HistoryPage, AppError> {
    let (billing, viewer) = (ssr::billing()?, ssr::viewer()?);
    let after = after.map(types::history::HistoryCursor);
    Ok(billing
        .history()
        .page(viewer.organization, after.as_ref(), ROWS)
        .await?)
}
