use leptos::prelude::*;
use types::pricing::ModelView;

use crate::error::AppError;
use crate::server_fns::page_client::PageClient;
#[cfg(feature = "ssr")]
use crate::ssr;

/// Every model with the prices in force now.
#[server(name = GetModels, prefix = "/api", endpoint = "models", client = PageClient)]
pub async fn models() -> Result<Vec<ModelView>, AppError> {
    ssr::respond(load().await)
}

#[cfg(feature = "ssr")]
async fn load() -> Result<Vec<ModelView>, AppError> {
    ssr::viewer()?;
    Ok(ssr::billing()?.rates().models().await?)
}
