//! The sandbox alone on a port, for trying clients against it:
//!
//! ```sh
//! cargo run -p sandbox --example serve -- 127.0.0.1:4010 /tmp/sandbox.db [webhook URL]
//! ```
//!
//! Prints one line of JSON with the address and the keys, then serves until Ctrl-C.

use std::path::PathBuf;

use sandbox::{Sandbox, SandboxConfig};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let address = arguments
        .next()
        .unwrap_or_else(|| "127.0.0.1:4010".to_owned());
    let store = arguments
        .next()
        .map_or_else(|| PathBuf::from("sandbox.db"), PathBuf::from);
    let config = SandboxConfig {
        store,
        webhook_url: arguments.next(),
        base_path: String::new(),
        public_url: format!("http://{address}"),
    };
    let sandbox = Sandbox::open(config).await?;
    let listener = tokio::net::TcpListener::bind(&address).await?;
    let facts = serde_json::json!({
        "url": format!("http://{address}"),
        "secret_key": sandbox.secret_key(),
        "publishable_key": sandbox.publishable_key(),
        "webhook_secret": sandbox.webhook_secret(),
    });
    #[expect(
        clippy::print_stdout,
        reason = "the line is what the example is asked for"
    )]
    {
        println!("{facts}");
    }
    let stop = || async { drop(tokio::signal::ctrl_c().await) };
    let router = sandbox.router();
    let worker = tokio::spawn(async move { sandbox.deliver_webhooks(stop()).await });
    axum::serve(listener, router)
        .with_graceful_shutdown(stop())
        .await?;
    worker.await?;
    Ok(())
}
